"""Processes that write by the app's use-cases and nothing else, so that they can die often.

There is no Gunicorn and no HTTP in them, and WeChat is a name that says yes: they begin in a
fraction of the time. They tell what they ask for and what they were told in a file, line by line;
what is written there outlives them. `Diary` reads it into a ledger.
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
from tests.faults.ledger import Ledger, Login, State
from tests.faults.line import NO_ANSWER, WELL
from tests.service import KEY

PROCESSES, THREADS = 2, 8
AT_MOST = 30.0  # s that they live if nobody kills them
WAYS = (None, State.ENDED, State.BANNED, State.ERASED)  # how a login may end, in turn

_forks = multiprocessing.get_context("forkserver")  # it imports all this once
_forks.set_forkserver_preload([__name__])


@contextmanager
def writing(database_url: str, file: Path) -> Iterator[Callable[[], None]]:
    """Begin to write, and give what kills all writers at once and waits for their end."""
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
    app.extensions["wechat"] = _YesMan
    diary = os.open(file, os.O_WRONLY | os.O_APPEND)
    for number in range(THREADS):
        threading.Thread(target=_live, args=(app, diary, f"w{number}"), daemon=True).start()
    time.sleep(AT_MOST)


class _YesMan:
    def code_to_session(self, code: str) -> OfWeChat:
        return OfWeChat(openid=code, session_key="tiihtNczf5v6AKRyjwEUhQ==")


def _live(app: Flask, diary: int, who: str) -> None:
    """Be one person after another, who log in and come to their end in one of several ways."""
    with app.app_context():
        for number in itertools.count():
            name = f"{who}.{os.getpid()}.{number}"
            _note(diary, "asks", "LIVE", name)
            started = time.monotonic()
            try:
                opened = login.log_in(name, login.Device("127.0.0.1", "writers"))
                _note(diary, "told", "LIVE", name, started, opened.user.public_id, opened.token)
                way = WAYS[number % len(WAYS)]
                if way is not None:
                    _note(diary, "asks", way.name, name)
                    started = time.monotonic()
                    _change(way, opened)
                    _note(diary, "told", way.name, name, started)
            except sqlalchemy.exc.SQLAlchemyError as error:
                _note(diary, "refused", type(error).__name__, name, started)


def _change(way: State, opened: Any) -> None:
    if way is State.ENDED:
        found = authenticate.authenticate(opened.token)
        sessions.log_out(found.session_id, found.session)
    elif way is State.BANNED:
        bans.ban(opened.user.id)
    else:
        erasure.erase(opened.user.id)


def _note(diary: int, *words: object) -> None:
    """Write a line: what, of which state, of whom; then when it was asked, and more."""
    told = [f"{time.monotonic() - w:.6f}" if isinstance(w, float) else str(w) for w in words]
    os.write(diary, " ".join(told).encode() + b"\n")


class Diary:
    """What the writers asked for and were told, over any number of deaths."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.asked = self.told = 0
        self.refused: list[str] = []
        self.slowest = 0.0  # s

    @property
    def in_doubt(self) -> int:
        """How many changes were under way when their writer died."""
        return self.asked - self.told - len(self.refused)

    def read(self, file: Path) -> None:
        """Take in what was written until a death."""
        logins: dict[str, Login] = {}
        for line in file.read_text().splitlines():
            what, which, name, *more = line.split()
            if what == "refused":
                self.refused.append(which)
            elif what == "asks":
                self.asked += 1
                if name in logins:
                    self.ledger.change(State[which], [logins[name]], NO_ANSWER)
            else:
                self.told += 1
                self.slowest = max(self.slowest, float(more[0]))
                if name in logins:
                    self.ledger.change(State[which], [logins[name]], WELL)
                else:
                    logins[name] = self.ledger.open(name, *more[1:])
