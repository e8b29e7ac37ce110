"""How SQLite and MySQL are opened, and how long a request waits for them.

There are two engines for one database. The reader is in autocommit: each read is one statement, so
no open transaction can hide a revocation from it, and on SQLite it never waits for a writer. The
default engine writes: each transaction that it begins is a write transaction (`BEGIN IMMEDIATE`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask import Flask, current_app
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.engine import make_url

from myapi import extensions
from myapi.db import mysql_connections, sqlite_connections
from myapi.db.deadline import request_deadline
from myapi.db.fair_queue import FairQueue
from myapi.db.writer import Writer
from myapi.extensions import db

READER, WRITER = "reader", "writer"
POOL = 10  # connections of each engine in a process
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
READS = {**AUTOCOMMIT, "pool_reset_on_return": None}  # a read leaves nothing to roll back
LOCK_WAIT = 1  # s for a row's lock on MySQL
THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}  # others of 127.0.0.0/8 may be proxies to another
CLOSED_AFTER = 60  # s idle, after which MySQL closes a connection of a process that was frozen


class Timeouts(NamedTuple):
    """Seconds to wait for a connection of the pool, for SQLite's lock, and for MySQL."""

    queue: float
    busy: float
    connect: float
    read: float
    one_deadline: bool = False  # for all that a request waits for MySQL


WEB = Timeouts(queue=0.5, busy=2, connect=0.8, read=1.5, one_deadline=True)
COMMAND = Timeouts(queue=10, busy=60, connect=10, read=3600)


def init_app(app: Flask, timeouts: Timeouts) -> None:
    settings = extensions.settings()
    frozen = settings.frozen_when_idle and timeouts.one_deadline
    options = _engine_options(settings.database_url, POOL, timeouts, frozen_when_idle=frozen)
    reader = options | READS
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    app.config["SQLALCHEMY_BINDS"] = {READER: {"url": settings.database_url, **reader}}
    app.extensions["timeouts"] = timeouts
    app.extensions["queues"] = {each: FairQueue(POOL, timeouts.queue) for each in (READER, WRITER)}
    db.init_app(app)
    app.teardown_appcontext_funcs.clear()  # its only one closes a session of the ORM: unused
    app.extensions["writer"] = Writer(db.engine)
    for engine in db.engines.values():
        if engine.dialect.name == "sqlite":
            sqlite_connections.prepare(engine, timeouts.busy, writes=engine is db.engine)
        else:
            mysql_connections.prepare(engine)


def timeouts() -> Timeouts:
    found: Timeouts = current_app.extensions["timeouts"]
    return found


@contextmanager
def database_wait(which: str) -> Iterator[None]:
    """Hold a place in the queue of an engine; on MySQL also keep the request's deadline."""
    queue: FairQueue = current_app.extensions["queues"][which]
    if timeouts().one_deadline and db.engine.name != "sqlite":
        with request_deadline(), queue.place():
            yield
    else:
        with queue.place():
            yield


def separate_engine(url: str) -> Engine:
    """Open another database than the app's, for one thread that begins its transactions itself.

    SQLite's journal mode is left as it is: the file may belong to another program.
    """
    engine = create_engine(url, **_engine_options(url, 2, COMMAND) | AUTOCOMMIT)
    if engine.dialect.name == "sqlite":
        sqlite_connections.prepare_separate(engine)
    return engine


def _engine_options(
    url: str, size: int, timeouts: Timeouts, *, frozen_when_idle: bool = False
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "pool_size": size,
        "max_overflow": 0,
        "pool_timeout": 1,
        "pool_use_lifo": True,  # the connection used last has the warmest cache
        "hide_parameters": True,  # keeps digests, sealed keys and openids out of error texts
    }
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return options | {"connect_args": {"timeout": timeouts.busy}}
    session = f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT}"
    if frozen_when_idle:  # the server hears nothing of a frozen process, and would keep its locks
        session += f", wait_timeout = {CLOSED_AFTER}"
    connect_args = {
        "connect_timeout": timeouts.connect,
        "read_timeout": timeouts.read,
        "write_timeout": timeouts.read,
        "init_command": session,
        **_without_tls(parsed),
    }
    # READ COMMITTED: a writer that gets a lock sees what the writer before it has committed.
    return options | {
        "connect_args": connect_args,
        "isolation_level": "READ COMMITTED",
        "pool_recycle": 1800,
    }


def _without_tls(url: URL) -> dict[str, Any]:
    """Do not offer TLS to a server on this machine, unless the URL asks for it.

    PyMySQL offers it to every server. For each connection it would read all certificates of the
    system, 20 ms in which a worker answers nobody.
    """
    wanted = any(name.startswith("ssl_") for name in url.query)
    return {} if wanted or url.host not in THIS_MACHINE else {"ssl_disabled": True}
