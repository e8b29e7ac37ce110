"""How SQLite and MySQL are opened, read and written, and for how long anyone waits for them.

Two engines to one database. The reader is in autocommit: a read is one statement, no open
transaction can hide a revocation from it, and on SQLite it never waits for a writer. The
default engine writes: whatever it begins is a write transaction (`BEGIN IMMEDIATE`).
"""

import functools
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast

import sqlalchemy.exc
from flask import Flask, current_app
from sqlalchemy import Connection, CursorResult, Delete, Engine, Update, event, orm
from sqlalchemy.engine import make_url

from myapi import audit, extensions
from myapi.extensions import db, migrate
from myapi.settings import ROOT, Settings

P = ParamSpec("P")
T = TypeVar("T")
Transaction: TypeAlias = orm.Session  # SQLAlchemy calls it a session, which here is a login

READER = "reader"
LOST_DEADLOCK = {1205, 1213}  # MySQL: lock wait timeout, deadlock (Galera's certification too)
ATTEMPTS = 5
PING_AFTER = 1.0  # seconds idle; under load no connection pays a round trip for it

_turn = threading.Lock()


class Patience(NamedTuple):
    """How many seconds to wait: for a connection of the pool, for SQLite's lock, for MySQL."""

    pool: float
    busy: float
    connect: int
    read: int


WEB = Patience(pool=0.25, busy=2, connect=1, read=2)
COMMAND = Patience(pool=10, busy=60, connect=10, read=3600)


def init_app(app: Flask, patience: Patience) -> None:
    settings = extensions.settings()
    options = _engine_options(settings, patience)
    reader = options | {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    app.config["SQLALCHEMY_BINDS"] = {READER: {"url": settings.database_url, **reader}}
    app.extensions["patience"] = patience
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    for engine in db.engines.values():
        _prepare(engine, writes=engine is db.engine)


def reading() -> Connection:
    """Take a connection that reads in autocommit; use it as a context manager, and briefly."""
    return db.engines[READER].connect()


@contextmanager
def writing(wait: float | None = None) -> Iterator[Transaction]:
    """Run the block in one write transaction; `wait` bounds the wait for SQLite's lock (s).

    Objects stay readable after the commit, and what `audit.note` was told is logged then.
    """
    with Transaction(db.engine, expire_on_commit=False) as tx:
        if db.engine.dialect.name == "sqlite":
            with _our_turn(wait or current_app.extensions["patience"].busy) as left, tx.begin():
                tx.connection(execution_options={"busy_timeout": left})
                yield tx
        else:
            with tx.begin():
                yield tx
        audit.publish(tx)


def transaction(use_case: Callable[Concatenate[Transaction, P], T]) -> Callable[P, T]:
    """Give a use-case the write transaction it owns, as its first argument.

    It is run again when MySQL made it the loser of a deadlock, so it has no effect outside.
    """

    @functools.wraps(use_case)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with writing() as tx:
                    return use_case(tx, *args, **kwargs)
            except sqlalchemy.exc.OperationalError as error:
                if attempt == ATTEMPTS or not _lost_a_deadlock(error):
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 (no secret)
        raise AssertionError("unreachable")

    return run


def changed(tx: Transaction, statement: Update | Delete) -> int:
    """Execute, and return how many rows that changed; objects in memory are not touched."""
    result = tx.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount


def _lost_a_deadlock(error: sqlalchemy.exc.OperationalError) -> bool:
    return bool(error.orig and error.orig.args and error.orig.args[0] in LOST_DEADLOCK)


@contextmanager
def _our_turn(wait: float) -> Iterator[float]:
    """Queue the writers of this process, and yield the seconds left to wait for other ones.

    SQLite has one writer at a time and no queue: those who wait sleep and try again, which
    under load costs some of them seconds.
    """
    deadline = time.monotonic() + wait
    if not _turn.acquire(timeout=wait):
        raise sqlalchemy.exc.TimeoutError("other writers of this process hold SQLite")
    try:
        yield max(0.0, deadline - time.monotonic())
    finally:
        _turn.release()


def _engine_options(settings: Settings, patience: Patience) -> dict[str, Any]:
    options: dict[str, Any] = {
        "pool_size": settings.threads,
        "max_overflow": 0,
        "pool_timeout": patience.pool,
        "hide_parameters": True,  # digests, sealed keys and openids stay out of error texts
    }
    if make_url(settings.database_url).get_backend_name() == "sqlite":
        return options | {"connect_args": {"timeout": patience.busy}}
    connect_args = {
        "connect_timeout": patience.connect,
        "read_timeout": patience.read,
        "write_timeout": patience.read,
        "init_command": "SET SESSION innodb_lock_wait_timeout = 1",
    }
    # READ COMMITTED: the writer that gets a lock sees what the one before it wrote.
    return options | {
        "connect_args": connect_args,
        "isolation_level": "READ COMMITTED",
        "pool_recycle": 1800,
    }


def _prepare(engine: Engine, *, writes: bool) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
        if writes:
            event.listen(engine, "begin", _begin_immediate)
    else:
        event.listen(engine, "checkin", _note_idle)
        event.listen(engine, "checkout", functools.partial(_ping_if_idle, engine))


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    """FULL, since with NORMAL a power cut can undo an acknowledged revocation."""
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    wait = connection.get_execution_options().get("busy_timeout")
    if wait is not None:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(wait * 1000)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _note_idle(_connection: object, record: Any) -> None:  # noqa: ANN401
    record.info["idle_since"] = time.monotonic()


def _ping_if_idle(engine: Engine, connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401
    """Find a connection that died while idle before a request does.

    A dead one is replaced; a server that does not answer is not asked a second time, since the
    caller has waited long enough.
    """
    started = time.monotonic()
    if started - record.info.get("idle_since", started) < PING_AFTER:
        return
    try:
        engine.dialect.do_ping(connection)
    except Exception as error:
        if time.monotonic() - started > PING_AFTER:
            raise sqlalchemy.exc.TimeoutError("the database does not answer") from error
        raise sqlalchemy.exc.DisconnectionError from error
