"""How SQLite and MySQL are opened, and for how long anyone waits for them.

Two engines to one database. The reader is in autocommit: a read is one statement, no open
transaction can hide a revocation from it, and on SQLite it never waits for a writer. The
default engine writes: whatever it begins is a write transaction (`BEGIN IMMEDIATE`).
"""

import contextlib
import functools
import re
import sqlite3
import time
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy.exc
from flask import Flask
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import make_url

from myapi import extensions, waits
from myapi.extensions import db
from myapi.group_commit import GroupCommit
from myapi.pulse import Pulse

READER, WRITER = "reader", "writer"
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
READS = {**AUTOCOMMIT, "pool_reset_on_return": None}  # they leave nothing to roll back
PLACES = 10  # requests of a process that may read at once, and as many that may write
LOCK_WAIT = 1  # s for a row's lock on MySQL
LOCK_POLL = 0.001  # s between two tries for SQLite's
PASSING = re.compile("locked|full")  # SQLite's words for what says nothing against a connection
CACHE = 400  # KiB of SQLite's pages for each connection; the system keeps them all once
NOT_IN_CHARGE = {1047, 1290, 1836}  # MySQL: outside of its cluster; read-only, as after a failover
PING_AFTER = 1.0  # seconds idle; under load no connection pays a round trip for it


class Patience(NamedTuple):
    """How many seconds to wait: for a place to read or write, for SQLite's lock, for MySQL."""

    place: float
    busy: float
    connect: int
    read: int


WEB = Patience(place=1, busy=2, connect=1, read=2)
COMMAND = Patience(place=10, busy=60, connect=10, read=3600)


def init_app(app: Flask, patience: Patience) -> None:
    settings = extensions.settings()
    options = _engine_options(settings.database_url, PLACES, patience)
    reader = options | READS
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    app.config["SQLALCHEMY_BINDS"] = {READER: {"url": settings.database_url, **reader}}
    app.extensions["patience"] = patience
    app.extensions["pulse"] = {each: Pulse(PLACES, patience.place) for each in (READER, WRITER)}
    db.init_app(app)
    app.teardown_appcontext_funcs.remove(db._teardown_session)  # of the ORM, which nobody uses
    app.extensions["group_commit"] = GroupCommit(db.engine)
    for engine in db.engines.values():
        _prepare(engine, patience, writes=engine is db.engine)


def apart(url: str) -> Engine:
    """Open a database beside the app's own, for one thread that says itself what it begins.

    SQLite's journal is left as it is: it may be somebody else's file that is only looked at.
    """
    engine = create_engine(url, **_engine_options(url, 2, COMMAND) | AUTOCOMMIT)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _make_private)
        event.listen(engine, "connect", _set_manners)
    return engine


def _engine_options(url: str, places: int, patience: Patience) -> dict[str, Any]:
    options: dict[str, Any] = {
        "pool_size": places,
        "max_overflow": 0,
        "pool_timeout": 1,
        "pool_use_lifo": True,  # the connection used last has the warmest cache
        "hide_parameters": True,  # digests, sealed keys and openids stay out of error texts
    }
    if make_url(url).get_backend_name() == "sqlite":
        return options | {"connect_args": {"timeout": patience.busy}}
    connect_args = {
        "connect_timeout": patience.connect,
        "read_timeout": patience.read,
        "write_timeout": patience.read,
        "init_command": f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT}",
    }
    # READ COMMITTED: the writer that gets a lock sees what the one before it wrote.
    return options | {
        "connect_args": connect_args,
        "isolation_level": "READ COMMITTED",
        "pool_recycle": 1800,
    }


def _prepare(engine: Engine, patience: Patience, *, writes: bool) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _make_private)
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "handle_error", _reopen)
        if writes:
            event.listen(engine, "connect", _wait_ourselves)
            event.listen(engine, "begin", functools.partial(_begin_immediate, patience))
    else:
        event.listen(engine, "connect", _see_all_of_a_cluster)
        event.listen(engine, "handle_error", _leave)
        event.listen(engine, "checkin", _note_idle)
        event.listen(engine, "checkout", functools.partial(_ping_if_idle, engine))


def _make_private(_dialect: object, _record: object, args: Any, _options: object) -> None:  # noqa: ANN401
    """Make the file for its owner alone; SQLite gives its journals the mode of the file."""
    file = Path(args[0])
    with contextlib.suppress(OSError):  # SQLite will say it better
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or a change of the journal would begin a transaction
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")
    _set_manners(connection, _record)


def _set_manners(connection: sqlite3.Connection, _record: object) -> None:
    """FULL, since with NORMAL a power cut can undo an acknowledged revocation."""
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE}")


def _wait_ourselves(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 0")


def _reopen(context: ExceptionContext) -> None:
    """Have a file that failed opened anew: what is open now may be read-only for good."""
    error = context.original_exception
    of_the_file = type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError}
    if of_the_file and not PASSING.search(str(error)):
        context.is_disconnect = True


def _begin_immediate(patience: Patience, connection: Connection) -> None:
    """Begin to write; whoever else does so has an execution option's seconds to end, if it is set.

    SQLite's own wait sleeps longer each time, up to 0.1 s, while the lock comes and goes in
    milliseconds: under load the writers of two processes would mostly sleep.
    """
    deadline = time.monotonic() + connection.get_execution_options().get("lock_wait", patience.busy)
    driver: Any = connection.connection.driver_connection
    while time.monotonic() < deadline:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if "locked" not in str(error):
                break
            waits.pass_on()
            time.sleep(LOCK_POLL)
        else:
            waits.come_back(first=True)
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # what fails now fails with SQLAlchemy's error


def _see_all_of_a_cluster(connection: Any, _record: object) -> None:  # noqa: ANN401
    """On Galera, have a read wait for what was committed on another node before it.

    Asked once for each connection: a server without clusters does not know the variable.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
        if (cursor.fetchone() or ("", "OFF"))[1] == "ON":
            cursor.execute("SET SESSION wsrep_sync_wait = 1")


def _leave(context: ExceptionContext) -> None:
    """Connect anew where this server says it is not in charge: another one may be by now."""
    if NOT_IN_CHARGE.intersection(context.original_exception.args[:1]):
        context.is_disconnect = True


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
