"""Who calls, and what they do: a prober, residents, visitors, and an operator who bans."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import sqlalchemy.exc
from flask import Flask

from myapi import create_app
from myapi.auth import bans
from myapi.db.errors import is_outage
from myapi.extensions import db
from myapi.settings import Settings
from myapi.users import accounts
from tests.faults.ledger import Ledger, Login, State
from tests.faults.line import WELL, Answer, Connect, Line
from tests.service import KEY

HELLO, LOGIN, BAN = "GET /api/hello", "POST /api/auth/login", "ban"
ME, SESSIONS = "GET /api/me", "GET /api/auth/sessions"
LOGOUT, ERASE = "POST /api/auth/logout", "DELETE /api/me"
WRITES = (LOGIN, LOGOUT, ERASE, BAN)
ROUTES = (HELLO, LOGIN, ME, SESSIONS, LOGOUT, ERASE, BAN)

NUMBERS = itertools.count()  # of people and codes; one service may see several loads
TRIES = 3  # of a logout, an erasure or a ban, whose answer does not come
PAUSE = {"probe": 0.05, "reside": 0.1, "visit": 0.08, "operate": 0.1}  # s after each call


class Call(NamedTuple):
    """One request and what became of it; times are those of the monotonic clock, in s."""

    route: str
    started: float
    ended: float
    outcome: str  # WELL, the name of an error of ours, or how it failed
    detail: str

    @property
    def seconds(self) -> float:
        return self.ended - self.started


class _OverError(Exception):
    """The load is over."""


class People:
    """Threads that call a service until `stop()`."""

    def __init__(
        self,
        connect: Connect,
        database_url: str,
        folder: Path,
        *,
        residents: int,
        visitors: int,
        slowly: float,
        fresh: bool,
        operator: bool,
    ) -> None:
        self.calls: list[Call] = []
        self.ledger = Ledger()
        self.broken: list[Exception] = []  # a mistake of the tests' own
        self._connect = connect
        self._database_url = database_url
        self._folder = folder
        self._numbers = NUMBERS
        self._visitors = itertools.count()
        self._to_ban: queue.SimpleQueue[list[Login]] = queue.SimpleQueue()
        self._enough = threading.Event()
        self._fresh = fresh
        self._slowly = {"reside": slowly, "visit": slowly}
        self._ways = [self._stay, self._log_out, self._erase]
        roles = [self._probe, *[self._reside] * residents, *[self._visit] * visitors]
        if operator:
            self._ways.append(self._misbehave)
            roles.append(self._operate)
        self._threads = [threading.Thread(target=self._play, args=(role,)) for role in roles]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    # ---- what each of them does ----

    def _play(self, role: Callable[[Line], None]) -> None:
        try:
            with closing(Line(self._connect)) as line:
                role(line)
        except _OverError:
            pass
        except Exception as error:
            self.broken.append(error)

    def _probe(self, _line: Line) -> None:
        """Ask for what needs nothing, over and over, of whichever process takes the connection."""
        with closing(Line(self._connect, kept=not self._fresh)) as line:
            while True:
                self._record(HELLO, lambda: line.ask(HELLO))
                self._pause("probe")

    def _reside(self, line: Line) -> None:
        """Log in once, and read."""
        me = None
        while True:
            if me is None:
                me = self._log_in(line, f"resident{next(self._numbers)}")
                self._pause("reside")
                continue
            for route in (ME, SESSIONS):
                self._read(line, route, me)
                self._pause("reside")

    def _visit(self, line: Line) -> None:
        """Be one person after another: log in, look around, and part in one of several ways."""
        for number in itertools.count(next(self._visitors)):  # not all in the same way at once
            phone = self._log_in(line, f"visitor{next(self._numbers)}")
            self._pause("visit")
            if phone is None:
                continue
            for route in (ME, SESSIONS):
                self._read(line, route, phone)
                self._pause("visit")
            self._ways[number % len(self._ways)](line, phone)

    def _stay(self, line: Line, phone: Login) -> None:
        """Close the mini program: the login lives on."""

    def _log_out(self, line: Line, phone: Login) -> None:
        self._until_told(State.ENDED, [phone], LOGOUT, lambda: line.ask(LOGOUT, token=phone.token))
        self._read(line, ME, phone)
        self._pause("visit")

    def _erase(self, line: Line, phone: Login) -> None:
        """Erase the account, while another device is logged in."""
        devices = self._another_device(line, phone)
        self._until_told(State.ERASED, devices, ERASE, lambda: line.ask(ERASE, token=phone.token))
        for device in devices:
            self._read(line, ME, device)
            self._pause("visit")

    def _misbehave(self, line: Line, phone: Login) -> None:
        self._to_ban.put(self._another_device(line, phone))

    def _another_device(self, line: Line, phone: Login) -> list[Login]:
        tablet = self._log_in(line, phone.name)
        self._pause("visit")
        return [phone, tablet] if tablet else [phone]

    def _operate(self, line: Line) -> None:
        """Ban who misbehaves, by the use-case of the command, in a process of its own."""
        with operators_app(self._database_url, self._folder) as app:
            while True:
                self._pause("operate")
                try:
                    devices = self._to_ban.get_nowait()
                except queue.Empty:
                    continue
                self._until_told(State.BANNED, devices, BAN, partial(_ban, app, devices[0].user))
                for device in devices:
                    self._read(line, ME, device)
                    self._pause("operate")

    # ---- how they call ----

    def _log_in(self, line: Line, name: str) -> Login | None:
        code = f"{name}.{next(self._numbers)}"
        answer = self._record(LOGIN, lambda: line.ask(LOGIN, {"code": code}))
        if answer.outcome != WELL:
            return None
        return self.ledger.open(name, answer.data["user"]["id"], answer.data["token"])

    def _read(self, line: Line, route: str, login: Login) -> None:
        def ask() -> Answer:
            answer = line.ask(route, token=login.token)
            return answer._replace(outcome=self.ledger.hear(login, answer.outcome))

        self._record(route, ask)

    def _until_told(
        self, to: State, logins: Sequence[Login], route: str, ask: Callable[[], Answer]
    ) -> None:
        """Ask for a change until it is clear what came of it, but not for ever."""

        def ask_and_hear() -> Answer:
            answer = ask()
            return answer._replace(outcome=self.ledger.change(to, logins, answer.outcome))

        for _ in range(TRIES):
            outcome = self._record(route, ask_and_hear).outcome
            self._pause("visit")
            if outcome == WELL:
                break

    def _record(self, route: str, ask: Callable[[], Answer]) -> Answer:
        started = time.monotonic()
        answer = ask()
        self.calls.append(Call(route, started, time.monotonic(), answer.outcome, answer.detail))
        return answer

    def _pause(self, role: str) -> None:
        if self._enough.wait(PAUSE[role] * self._slowly.get(role, 1)):
            raise _OverError


@contextmanager
def operators_app(database_url: str, folder: Path) -> Iterator[Flask]:
    app = create_app(Settings(secret_keys=(KEY,), database_url=database_url, instance_path=folder))
    try:
        yield app
    finally:
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


def _ban(app: Flask, public_id: str) -> Answer:
    try:
        with app.app_context():
            user = accounts.find(public_id)
            if user is None:
                return Answer("not_found", detail=public_id)
            bans.ban(user.id)
    except sqlalchemy.exc.SQLAlchemyError as error:
        if not is_outage(error):
            raise
        return Answer("service_unavailable", detail=str(error))
    return Answer(WELL)
