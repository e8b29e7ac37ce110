"""The simulated users of a load: a prober, residents, visitors, and an operator who bans users."""

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

import sqlalchemy as sa
from flask import Flask

from myapi import create_app
from myapi.auth import bans
from myapi.db.errors import is_outage
from myapi.db.transactions import reading
from myapi.extensions import db
from myapi.settings import Settings
from myapi.users.models import User
from tests.faults.client import OK, Answer, Client, Connect
from tests.faults.ledger import Ledger, Login, State
from tests.service import KEY

HELLO, LOGIN, BAN = "GET /api/hello", "POST /api/auth/login", "ban"
ME, SESSIONS = "GET /api/me", "GET /api/auth/sessions"
LOGOUT, ERASE = "POST /api/auth/logout", "DELETE /api/me"
WRITES = (LOGIN, LOGOUT, ERASE, BAN)
ROUTES = (HELLO, LOGIN, ME, SESSIONS, LOGOUT, ERASE, BAN)

NUMBERS = itertools.count()  # of users and codes; shared because a service may have several loads
TRIES = 3  # of a logout, an erasure or a ban
PAUSE = {"probe": 0.05, "reside": 0.1, "visit": 0.08, "operate": 0.1}  # s after each call


class Call(NamedTuple):
    """One request and its outcome. Times are in seconds of the monotonic clock."""

    route: str
    started: float
    ended: float
    outcome: str  # as in `Answer`
    detail: str

    @property
    def seconds(self) -> float:
        return self.ended - self.started


class _StoppedError(Exception):
    """The load was stopped."""


class People:
    """Threads that send requests to a service until `stop()`."""

    def __init__(
        self,
        connect: Connect,
        database_url: str,
        folder: Path,
        *,
        residents: int,
        visitors: int,
        pause_factor: float,
        new_connections: bool,
        operator: bool,
    ) -> None:
        self.calls: list[Call] = []
        self.ledger = Ledger()
        self.broken: list[Exception] = []  # unexpected exceptions in these threads
        self._connect = connect
        self._database_url = database_url
        self._folder = folder
        self._numbers = NUMBERS
        self._visitors = itertools.count()
        self._to_ban: queue.SimpleQueue[list[Login]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._new_connections = new_connections
        self._pause_factors = {"reside": pause_factor, "visit": pause_factor}
        self._endings = [self._stay, self._log_out, self._erase]
        roles = [self._probe, *[self._reside] * residents, *[self._visit] * visitors]
        if operator:
            self._endings.append(self._request_ban)
            roles.append(self._operate)
        self._threads = [threading.Thread(target=self._play, args=(role,)) for role in roles]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    # ---- roles ----

    def _play(self, role: Callable[[Client], None]) -> None:
        try:
            with closing(Client(self._connect)) as client:
                role(client)
        except _StoppedError:
            pass
        except Exception as error:
            self.broken.append(error)

    def _probe(self, _client: Client) -> None:
        """Request /api/hello, which depends on nothing, from any worker that accepts."""
        with closing(Client(self._connect, kept=not self._new_connections)) as client:
            while True:
                self._record(HELLO, lambda: client.call(HELLO))
                self._pause("probe")

    def _reside(self, client: Client) -> None:
        """Log in once and keep reading."""
        login = None
        while True:
            if login is None:
                login = self._log_in(client, f"resident{next(self._numbers)}")
                self._pause("reside")
                continue
            for route in (ME, SESSIONS):
                self._read(client, route, login)
                self._pause("reside")

    def _visit(self, client: Client) -> None:
        """Be one user after another: log in, read, and leave in one of several ways."""
        for number in itertools.count(next(self._visitors)):  # visitors start with different ways
            phone = self._log_in(client, f"visitor{next(self._numbers)}")
            self._pause("visit")
            if phone is None:
                continue
            for route in (ME, SESSIONS):
                self._read(client, route, phone)
                self._pause("visit")
            self._endings[number % len(self._endings)](client, phone)

    def _stay(self, client: Client, phone: Login) -> None:
        """Close the mini program; the session stays live."""

    def _log_out(self, client: Client, phone: Login) -> None:
        self._change(State.ENDED, [phone], LOGOUT, lambda: client.call(LOGOUT, token=phone.token))
        self._read(client, ME, phone)
        self._pause("visit")

    def _erase(self, client: Client, phone: Login) -> None:
        """Erase the account while another device is logged in."""
        devices = self._another_device(client, phone)
        self._change(State.ERASED, devices, ERASE, lambda: client.call(ERASE, token=phone.token))
        for device in devices:
            self._read(client, ME, device)
            self._pause("visit")

    def _request_ban(self, client: Client, phone: Login) -> None:
        self._to_ban.put(self._another_device(client, phone))

    def _another_device(self, client: Client, phone: Login) -> list[Login]:
        tablet = self._log_in(client, phone.name)
        self._pause("visit")
        return [phone, tablet] if tablet else [phone]

    def _operate(self, client: Client) -> None:
        """Ban users with the use-case of the command, in another process than the service."""
        with operator_app(self._database_url, self._folder) as app:
            while True:
                self._pause("operate")
                try:
                    devices = self._to_ban.get_nowait()
                except queue.Empty:
                    continue
                self._change(State.BANNED, devices, BAN, partial(_ban, app, devices[0].user))
                for device in devices:
                    self._read(client, ME, device)
                    self._pause("operate")

    # ---- requests ----

    def _log_in(self, client: Client, name: str) -> Login | None:
        code = f"{name}.{next(self._numbers)}"
        answer = self._record(LOGIN, lambda: client.call(LOGIN, {"code": code}))
        if answer.outcome != OK:
            return None
        return self.ledger.record_login(name, answer.data["user"]["id"], answer.data["token"])

    def _read(self, client: Client, route: str, login: Login) -> None:
        def send() -> Answer:
            answer = client.call(route, token=login.token)
            return answer._replace(outcome=self.ledger.record_answer(login, answer.outcome))

        self._record(route, send)

    def _change(
        self, to: State, logins: Sequence[Login], route: str, send: Callable[[], Answer]
    ) -> None:
        """Request a change until it is acknowledged, at most TRIES times."""

        def send_and_record() -> Answer:
            answer = send()
            return answer._replace(outcome=self.ledger.record_change(to, logins, answer.outcome))

        for _ in range(TRIES):
            outcome = self._record(route, send_and_record).outcome
            self._pause("visit")
            if outcome == OK:
                break

    def _record(self, route: str, send: Callable[[], Answer]) -> Answer:
        started = time.monotonic()
        answer = send()
        self.calls.append(Call(route, started, time.monotonic(), answer.outcome, answer.detail))
        return answer

    def _pause(self, role: str) -> None:
        if self._stopped.wait(PAUSE[role] * self._pause_factors.get(role, 1)):
            raise _StoppedError


@contextmanager
def operator_app(database_url: str, folder: Path) -> Iterator[Flask]:
    app = create_app(Settings(secret_keys=(KEY,), database_url=database_url, instance_path=folder))
    try:
        yield app
    finally:
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


def _ban(app: Flask, public_id: str) -> Answer:
    """Ban a user, whatever the AppID of the service is."""
    of_user = sa.select(User.id).where(User.public_id == public_id)
    try:
        with app.app_context():
            with reading() as connection:
                user_id = connection.scalar(of_user)
            if user_id is None:
                return Answer("not_found", detail=public_id)
            bans.ban(user_id)
    except sa.exc.SQLAlchemyError as error:
        if not is_outage(error):
            raise
        return Answer("service_unavailable", detail=str(error))
    return Answer(OK)
