"""A record of all acknowledged logins, logouts, bans and erasures, which must not be lost.

A change that was answered 200 must hold from then on. A change whose answer was lost or an error
may have happened or not; the first observation decides.
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
from tests.faults.client import OK


class State(enum.Enum):
    """The state of a login; `answer` is the outcome of a request with its token."""

    LIVE = ("live", OK)
    ENDED = ("ended", "session_ended")
    BANNED = ("banned", "user_banned")
    ERASED = ("erased", "session_ended")

    def __init__(self, word: str, answer: str) -> None:
        self.word = word
        self.answer = answer


ANSWERS = {state.answer for state in State}  # other outcomes say nothing about the login


@dataclass(eq=False)
class Login:
    """An acknowledged login. Only one thread uses it at a time."""

    name: str  # of the sandbox user
    user: str  # public id
    token: str
    possible: set[State] = field(default_factory=lambda: {State.LIVE})


class Ledger:
    """All acknowledged logins with their possible states; `lost` lists contradictions."""

    def __init__(self) -> None:
        self.logins: list[Login] = []
        self.acknowledged: Counter[str] = Counter()
        self.lost: list[str] = []
        self._lock = threading.Lock()

    def record_login(self, name: str, user: str, token: str) -> Login:
        login = Login(name, user, token)
        with self._lock:
            self.logins.append(login)
            self.acknowledged["login"] += 1
        return login

    def record_answer(self, login: Login, outcome: str) -> str:
        """Record the outcome of a request with this token; return OK if it was possible."""
        if outcome not in ANSWERS:
            return outcome
        matching = {state for state in login.possible if state.answer == outcome}
        if not matching:
            self.record_loss(login, f"answered {outcome}")
            return outcome
        if outcome != OK:  # a later LIVE is a contradiction
            login.possible = matching
        return OK

    def record_change(self, to: State, logins: Sequence[Login], outcome: str) -> str:
        """Record the outcome of a request, made with the first login, that changes them all."""
        if outcome == OK:
            for login in logins:
                login.possible = {to}
            with self._lock:
                self.acknowledged[to.word] += 1
        elif outcome in ANSWERS:
            return self.record_answer(logins[0], outcome)
        else:
            for login in logins:
                login.possible = login.possible | {to}
        return outcome

    def banned(self) -> list[Login]:
        """Return one login of each user whose ban was acknowledged."""
        certain = [login for login in self.logins if login.possible == {State.BANNED}]
        return list({login.name: login for login in certain}.values())

    def compare(self, database_url: str, secret_key: str) -> None:
        """Compare all logins with the rows of the database and run the database's own checks."""
        tokens = Tokens([secret_key])
        users, sessions, errors = _read(database_url)
        for login in self.logins:
            found = _state(sessions.get(tokens.read(login.token)))
            if login.possible == {State.ERASED} and login.user in users:
                self.record_loss(login, "among the users in the database")
            if found not in login.possible:
                self.record_loss(login, f"{found.word} in the database")
            login.possible = {found}
        self.lost.extend(errors)

    def record_loss(self, login: Login, seen: str) -> None:
        known = " or ".join(sorted(state.word for state in login.possible))
        with self._lock:
            self.lost.append(f"{login.name} was {known}, and is {seen}")


def _read(database_url: str) -> tuple[set[str], dict[bytes, Any], list[str]]:
    """Return the ids of all users, the sessions by digest, and the errors found by checks."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            checks = connection.exec_driver_sql("PRAGMA integrity_check").all()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        else:
            if connection.dialect.is_mariadb:  # a node of a cluster may have to catch up first
                connection.exec_driver_sql("SET SESSION wsrep_sync_wait = 1")
            checks = connection.exec_driver_sql("CHECK TABLE users, sessions").all()
            orphans = []
        users = connection.exec_driver_sql("SELECT public_id FROM users").scalars().all()
        rows = connection.exec_driver_sql(
            "SELECT token_digest, ended_at, banned_at FROM sessions"
            " JOIN users ON users.id = sessions.user_id"
        ).all()
    errors = [str(row) for row in (*checks, *orphans) if str(row[-1]).lower() != "ok"]
    return set(users), {bytes(row.token_digest): row for row in rows}, errors


def _state(row: Any) -> State:
    if row is None:
        return State.ERASED
    if row.banned_at is not None:
        return State.BANNED
    return State.LIVE if row.ended_at is None else State.ENDED
