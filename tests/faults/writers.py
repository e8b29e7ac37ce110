"""Processes that write through the app's use-cases only, so that they can be killed often.

They start quickly because they have no Gunicorn and no HTTP, and WeChat is a fake. They log what
they start and what was acknowledged to a file, line by line, which survives them. `Diary` reads it
into a ledger.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from flask import Flask

from myapi import create_app
from myapi.auth import authenticate, bans, login, sessions
from myapi.settings import Settings
from myapi.users import erasure
from myapi.wechat import Login as OfWeChat
from tests.faults.client import NO_ANSWER, OK
from tests.faults.ledger import Ledger, Login, State
from tests.service import KEY

PROCESSES, THREADS = 2, 8
AT_MOST = 30.0  # s until the writers exit if they are not killed
ENDINGS = (None, State.ENDED, State.BANNED, State.ERASED)  # of the logins, in turn

_forks = multiprocessing.get_context("forkserver")  # the fork server imports the app only once
_forks.set_forkserver_preload([__name__])


@contextmanager
def writing(database_url: str, file: Path) -> Iterator[Callable[[], None]]:
    """Start the writers; yield a function that kills all of them and waits for their end."""
    file.touch()
    arguments = (database_url, file)
    processes = [_forks.Process(target=_write, args=arguments) for _ in range(PROCESSES)]
    for process in processes:
        process.start()

    def kill() -> None:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()

    try:
        yield kill
    finally:
        kill()


def _write(database_url: str, file: Path) -> None:
    logging.disable(logging.CRITICAL)
    settings = Settings(secret_keys=(KEY,), database_url=database_url, instance_path=file.parent)
    app = create_app(settings)
    app.extensions["wechat"] = _FakeWeChat
    diary = os.open(file, os.O_WRONLY | os.O_APPEND)
    for number in range(THREADS):
        threading.Thread(target=_write_logins, args=(app, diary, f"w{number}"), daemon=True).start()
    time.sleep(AT_MOST)


class _FakeWeChat:
    def code_to_session(self, code: str) -> OfWeChat:
        return OfWeChat(openid=code, session_key="tiihtNczf5v6AKRyjwEUhQ==")


def _write_logins(app: Flask, diary: int, writer: str) -> None:
    """Log in as one user after another, and end each login in one of several ways."""
    with app.app_context():
        for number in itertools.count():
            name = f"{writer}.{os.getpid()}.{number}"
            _log(diary, "started", "LIVE", name)
            started = time.monotonic()
            try:
                opened = login.log_in(name, login.Device("127.0.0.1", "writers"))
                ids = (opened.user.public_id, opened.token)
                _log(diary, "acknowledged", "LIVE", name, started, *ids)
                ending = ENDINGS[number % len(ENDINGS)]
                if ending is not None:
                    _log(diary, "started", ending.name, name)
                    started = time.monotonic()
                    _change(ending, opened)
                    _log(diary, "acknowledged", ending.name, name, started)
            except sqlalchemy.exc.SQLAlchemyError as error:
                _log(diary, "refused", type(error).__name__, name, started)


def _change(state: State, opened: Any) -> None:
    if state is State.ENDED:
        found = authenticate.authenticate(opened.token)
        sessions.log_out(found.session_id, found.session)
    elif state is State.BANNED:
        bans.ban(opened.user.id)
    else:
        erasure.erase(opened.user.id)


def _log(diary: int, *words: object) -> None:
    """Write a line: the event, the new state, the user; then the duration (s) and more."""
    texts = [f"{time.monotonic() - w:.6f}" if isinstance(w, float) else str(w) for w in words]
    os.write(diary, " ".join(texts).encode() + b"\n")


class Diary:
    """The changes that the writers started, and their outcomes, over any number of kills."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.started = self.acknowledged = 0
        self.refused: list[str] = []
        self.slowest = 0.0  # s

    @property
    def unanswered(self) -> int:
        """How many changes had no outcome when their writer was killed."""
        return self.started - self.acknowledged - len(self.refused)

    def read(self, file: Path) -> None:
        """Read the file of killed writers."""
        logins: dict[str, Login] = {}
        for line in file.read_text().splitlines():
            event, state, name, *more = line.split()
            if event == "refused":
                self.refused.append(state)
            elif event == "started":
                self.started += 1
                if name in logins:
                    self.ledger.record_change(State[state], [logins[name]], NO_ANSWER)
            else:
                self.acknowledged += 1
                self.slowest = max(self.slowest, float(more[0]))
                if name in logins:
                    self.ledger.record_change(State[state], [logins[name]], OK)
                else:
                    logins[name] = self.ledger.record_login(name, *more[1:])
