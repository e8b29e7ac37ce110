"""How SQLite and MySQL are opened, and how long a request waits for them.

There are two engines for one database. The reader is in autocommit: each read is one statement, so
no open transaction can hide a revocation from it, and on SQLite it never waits for a writer. The
default engine writes: each transaction that it begins is a write transaction (`BEGIN IMMEDIATE`).
"""

import contextlib
import functools
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy.exc
from flask import Flask, current_app
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import make_url

from myapi import extensions
from myapi.clock import moment, seconds_since
from myapi.db.deadline import request_deadline
from myapi.db.fair_queue import FairQueue
from myapi.db.writer import Writer
from myapi.extensions import db

READER, WRITER = "reader", "writer"
POOL = 10  # connections of each engine in a process
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
READS = {**AUTOCOMMIT, "pool_reset_on_return": None}  # a read leaves nothing to roll back
LOCK_WAIT = 1  # s for a row's lock on MySQL
LOCK_POLL = 0.001  # s between two attempts to get SQLite's lock
TRANSIENT = re.compile("locked|full")  # SQLite errors after which the connection is still good
CACHE = 400  # KiB of SQLite's page cache for each connection; the system caches the file too
NOT_PRIMARY = {1047, 1290, 1836}  # MySQL: cut off from its cluster; read-only after a failover
THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}  # others of 127.0.0.0/8 may be proxies to another
PING_AFTER = 1.0  # s idle; under load no connection is idle for so long, so none is pinged
#: s idle, after which a connection is replaced without a ping: networks forget one after a minute
#: or more, some in silence, and the answer to a ping is waited for in vain.
DISCARD_AFTER = 30.0
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
        _prepare(engine, timeouts, writes=engine is db.engine)


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
        event.listen(engine, "do_connect", _create_private_file)
        event.listen(engine, "connect", _set_common_pragmas)
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


def _prepare(engine: Engine, timeouts: Timeouts, *, writes: bool) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _create_private_file)
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "handle_error", _replace_failed_connection)
        if writes:
            event.listen(engine, "connect", _disable_busy_timeout)
            event.listen(engine, "begin", functools.partial(_begin_immediate, timeouts))
    else:
        event.listen(engine, "connect", _wait_for_cluster)
        event.listen(engine, "handle_error", _replace_secondary)
        event.listen(engine, "checkin", _record_idle)
        event.listen(engine, "checkout", functools.partial(_ping_if_idle, engine))


def _create_private_file(_dialect: object, _record: object, args: Any, _options: object) -> None:  # noqa: ANN401
    """Create the file readable by its owner only; SQLite gives its journals the same mode."""
    file = Path(args[0])
    with contextlib.suppress(OSError):  # SQLite reports it with a better message
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or changing the journal mode would begin a transaction
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")
    _set_common_pragmas(connection, _record)


def _set_common_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    """FULL: with NORMAL a power cut can undo an acknowledged revocation."""
    connection.isolation_level = None  # we send BEGIN ourselves
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE}")


def _disable_busy_timeout(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 0")


def _replace_failed_connection(context: ExceptionContext) -> None:
    """Replace a connection whose file failed: it may stay read-only for ever."""
    error = context.original_exception
    of_the_file = type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError}
    if of_the_file and not TRANSIENT.search(str(error)):
        context.is_disconnect = True


def _begin_immediate(timeouts: Timeouts, connection: Connection) -> None:
    """Begin a write transaction; wait for other writers as long as the option `lock_wait` says.

    SQLite's own busy handler sleeps longer each time, up to 0.1 s, but the lock is held for
    milliseconds: under load the writers of two processes would mostly sleep.
    """
    deadline = time.monotonic() + connection.get_execution_options().get("lock_wait", timeouts.busy)
    driver: Any = connection.connection.driver_connection
    while time.monotonic() < deadline:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if "locked" not in str(error):
                break
            time.sleep(LOCK_POLL)
        else:
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # a failure now is raised as SQLAlchemy's error


def _wait_for_cluster(connection: Any, _record: object) -> None:  # noqa: ANN401
    """On Galera, make a read wait for what was committed on another node before it.

    Checked for each new connection: a server without Galera does not know the variable.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
        if (cursor.fetchone() or ("", "OFF"))[1] == "ON":
            cursor.execute("SET SESSION wsrep_sync_wait = 1")


def _replace_secondary(context: ExceptionContext) -> None:
    """Connect again if this server is not the primary: another one may be by now."""
    if NOT_PRIMARY.intersection(context.original_exception.args[:1]):
        context.is_disconnect = True


def _record_idle(_connection: object, record: Any) -> None:  # noqa: ANN401
    record.info["idle_since"] = moment()


def _ping_if_idle(engine: Engine, connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401
    """Ping a connection that was idle, so that a dead one is replaced before it fails a request.

    One that was idle for long is replaced at once. If the server does not answer the ping, the
    request fails: it has waited long enough.
    """
    if (idle_since := record.info.get("idle_since")) is None:  # it is new
        return
    if (idle := seconds_since(idle_since)) < PING_AFTER:
        return
    if idle > DISCARD_AFTER:
        raise sqlalchemy.exc.DisconnectionError("idle for too long to be trusted")
    started = time.monotonic()
    try:
        engine.dialect.do_ping(connection)
    except Exception as error:
        if time.monotonic() - started > PING_AFTER:
            raise sqlalchemy.exc.TimeoutError("the database does not answer") from error
        raise sqlalchemy.exc.DisconnectionError from error
