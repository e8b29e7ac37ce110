"""What the service has acknowledged, and so must keep: each login, logout, ban and erasure.

A change that was answered 200 is true from then on. One whose answer was lost, or was an error,
may have happened or not; what is seen of it first decides.
"""

from __future__ import annotations

import enum
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from myapi.security.tokens import Tokens
from tests.faults.line import WELL


class State(enum.Enum):
    """What may be true of a login; `answer` is what a call with its token is told then."""

    LIVE = ("live", WELL)
    ENDED = ("ended", "session_ended")
    BANNED = ("banned", "user_banned")
    ERASED = ("erased", "session_ended")

    def __init__(self, word: str, answer: str) -> None:
        self.word = word
        self.answer = answer


ANSWERS = {state.answer for state in State}  # all others say nothing about a login


@dataclass(eq=False)
class Login:
    """One login that was answered 200. One thread at a time uses it."""

    name: str  # of the person, as the codes of the sandbox have it
    user: str  # public id
    token: str
    may_be: set[State] = field(default_factory=lambda: {State.LIVE})


class Ledger:
    """All acknowledged logins and what became of them; `lost` is what does not hold."""

    def __init__(self) -> None:
        self.logins: list[Login] = []
        self.acknowledged: Counter[str] = Counter()
        self.lost: list[str] = []
        self._lock = threading.Lock()

    def open(self, name: str, user: str, token: str) -> Login:
        login = Login(name, user, token)
        with self._lock:
            self.logins.append(login)
            self.acknowledged["login"] += 1
        return login

    def hear(self, login: Login, outcome: str) -> str:
        """Take in what a call with this token was told; return WELL if it may be told that."""
        if outcome not in ANSWERS:
            return outcome
        fitting = {state for state in login.may_be if state.answer == outcome}
        if not fitting:
            self.lose(login, f"answered {outcome}")
            return outcome
        if outcome != WELL:  # there is no way back from there
            login.may_be = fitting
        return WELL

    def change(self, to: State, logins: Sequence[Login], outcome: str) -> str:
        """Take in what a call was told that was to bring these, its own token's first, to that."""
        if outcome == WELL:
            for login in logins:
                login.may_be = {to}
            with self._lock:
                self.acknowledged[to.word] += 1
        elif outcome in ANSWERS:
            return self.hear(logins[0], outcome)
        else:
            for login in logins:
                login.may_be = login.may_be | {to}
        return outcome

    def banned(self) -> list[Login]:
        """Return one login of each person of whom a ban was acknowledged."""
        known = [login for login in self.logins if login.may_be == {State.BANNED}]
        return list({login.name: login for login in known}.values())

    def compare(self, database_url: str, secret_key: str) -> None:
        """Hold all against the rows of the database, and have it check its tables."""
        tokens = Tokens([secret_key])
        users, sessions, complaints = _read(database_url)
        for login in self.logins:
            found = _state(sessions.get(tokens.read(login.token)))
            if login.may_be == {State.ERASED} and login.user in users:
                self.lose(login, "among the users in the database")
            if found not in login.may_be:
                self.lose(login, f"{found.word} in the database")
            login.may_be = {found}
        self.lost.extend(complaints)

    def lose(self, login: Login, seen: str) -> None:
        known = " or ".join(sorted(state.word for state in login.may_be))
        with self._lock:
            self.lost.append(f"{login.name} was {known}, and is {seen}")


def _read(database_url: str) -> tuple[set[str], dict[bytes, Any], list[str]]:
    """Return the ids of all users, the sessions by digest, and what a check complains of."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            told = connection.exec_driver_sql("PRAGMA integrity_check").all()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        else:
            told = connection.exec_driver_sql("CHECK TABLE users, sessions").all()
            orphans = []
        users = connection.exec_driver_sql("SELECT public_id FROM users").scalars().all()
        rows = connection.exec_driver_sql(
            "SELECT token_digest, ended_at, banned_at FROM sessions"
            " JOIN users ON users.id = sessions.user_id"
        ).all()
    complaints = [str(row) for row in (*told, *orphans) if str(row[-1]).lower() != "ok"]
    return set(users), {bytes(row.token_digest): row for row in rows}, complaints


def _state(row: Any) -> State:
    if row is None:
        return State.ERASED
    if row.banned_at is not None:
        return State.BANNED
    return State.LIVE if row.ended_at is None else State.ENDED
