"""How SQLite and MySQL are opened, read and written, and for how long anyone waits for them.

Two engines to one database. The reader is in autocommit: a read is one statement, no open
transaction can hide a revocation from it, and on SQLite it never waits for a writer. The
default engine writes: whatever it begins is a write transaction (`BEGIN IMMEDIATE`).
"""

import functools
import operator
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast

import sqlalchemy.exc
from flask import Flask, current_app
from sqlalchemy import (
    BindParameter,
    Connection,
    CursorResult,
    Delete,
    Dialect,
    Engine,
    ExceptionContext,
    Select,
    Update,
    event,
    orm,
)
from sqlalchemy.engine import make_url

from myapi import audit, extensions
from myapi.extensions import db, migrate
from myapi.pulse import Pulse
from myapi.settings import ROOT, Settings

P = ParamSpec("P")
T = TypeVar("T")
Transaction: TypeAlias = orm.Session  # SQLAlchemy calls it a session, which here is a login

READER, WRITER = "reader", "writer"
LOST_DEADLOCK = {1205, 1213}  # MySQL: lock wait timeout, deadlock (Galera's certification too)
PASSING = re.compile("locked|full")  # SQLite's words for what says nothing against a connection
ATTEMPTS = 5
LOCK_WAIT = 1  # s for a row's lock on MySQL
PING_AFTER = 1.0  # seconds idle; under load no connection pays a round trip for it

_turn = threading.Lock()


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
    options = _engine_options(settings, patience)
    reader = options | {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
    places = options["pool_size"]
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    app.config["SQLALCHEMY_BINDS"] = {READER: {"url": settings.database_url, **reader}}
    app.extensions["patience"] = patience
    app.extensions["pulse"] = {each: Pulse(places, patience.place) for each in (READER, WRITER)}
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    for engine in db.engines.values():
        _prepare(engine, writes=engine is db.engine)


@contextmanager
def reading() -> Iterator[Connection]:
    """Hold a connection that reads in autocommit, briefly."""
    with _pulse(READER), db.engines[READER].connect() as connection:
        yield connection


class Prepared:
    """A Core statement compiled once and run on the driver itself.

    For what runs with every call: executing it the common way costs twice the CPU. Values go in
    and come out through the types of the statement, as always.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}  # by dialect

    def first(self, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return the first row, or None. Raises SQLAlchemy's errors for those of the driver."""
        engine = db.engines[READER]
        form = self._forms.get(engine.name) or self._compile(engine)
        with _pulse(READER):
            row = _first(engine, form.sql, form.write(values))
        return None if row is None else form.read(row)

    def _compile(self, engine: Engine) -> "_Form":
        dialect = engine.dialect
        compiled = self._statement.compile(dialect=dialect)
        names = compiled.positiontup or list(compiled.binds)
        form = self._forms[engine.name] = _Form(
            str(compiled),
            positional=bool(compiled.positional),
            binds=[(name, _bound(compiled.binds[name], dialect)) for name in names],
            loads=[
                column.type.dialect_impl(dialect).result_processor(dialect, None)
                for column in self._statement.selected_columns
            ],
        )
        return form


@dataclass(frozen=True)
class _Form:
    """A statement as one database takes it."""

    sql: str
    positional: bool
    binds: list[tuple[str, Callable[[dict[str, Any]], Any]]]
    loads: list[Callable[[Any], Any] | None]

    def write(self, values: dict[str, Any]) -> list[Any] | dict[str, Any]:
        if self.positional:
            return [bind(values) for _, bind in self.binds]
        return {name: bind(values) for name, bind in self.binds}

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        pairs = zip(row, self.loads, strict=True)
        return tuple(value if load is None else load(value) for value, load in pairs)


def _first(engine: Engine, sql: str, values: list[Any] | dict[str, Any]) -> Any:  # noqa: ANN401
    pooled = None
    try:
        pooled = engine.raw_connection()
        cursor = pooled.cursor()
        cursor.execute(sql, values)
        row = cursor.fetchone()
        cursor.close()
    except engine.dialect.loaded_dbapi.Error as error:
        if pooled is not None:
            engine.pool._invalidate(pooled, error)  # and all others opened before now
        raise _as_sqlalchemy_has_it(error, sql, engine) from error
    pooled.close()
    return row


def _as_sqlalchemy_has_it(error: Exception, sql: str, engine: Engine) -> BaseException:
    base = engine.dialect.loaded_dbapi.Error
    return sqlalchemy.exc.DBAPIError.instance(
        sql, None, error, base, hide_parameters=True, dialect=engine.dialect
    )


def _bound(bind: BindParameter[Any], dialect: Dialect) -> Callable[[dict[str, Any]], Any]:
    """Return what picks the value of one place out of those given, and writes it for the driver."""
    write = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if not bind.required:
        constant = write(bind.value) if write else bind.value
        return lambda values: constant
    if write is None:
        return operator.itemgetter(bind.key)
    return lambda values: write(values[bind.key])


@contextmanager
def writing(wait: float | None = None) -> Iterator[Transaction]:
    """Run the block in one write transaction; `wait` bounds the wait for SQLite's lock (s).

    Objects stay readable after the commit, and what `audit.note` was told is logged then.
    """
    patience: Patience = current_app.extensions["patience"]
    # Who waits for SQLite's lock holds a place in the pool, so not all threads can.
    with (
        _pulse(WRITER) if wait is None else _pulse(WRITER).within(wait),
        db.engine.connect() as connection,
        Transaction(connection, expire_on_commit=False) as tx,
    ):
        if connection.dialect.name == "sqlite":
            with _our_turn(wait or patience.busy) as left, tx.begin():
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
        give_up = time.monotonic() + current_app.extensions["patience"].busy - LOCK_WAIT / 2
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with writing() as tx:
                    return use_case(tx, *args, **kwargs)
            except sqlalchemy.exc.OperationalError as error:
                late = attempt == ATTEMPTS or time.monotonic() > give_up
                if late or not _lost_a_deadlock(error):
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


def _pulse(which: str) -> Pulse:
    found: Pulse = current_app.extensions["pulse"][which]
    return found


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
        # To read and to write: a connection for each place, and a third of the threads without.
        "pool_size": max(2, settings.threads // 3),
        "max_overflow": 0,
        "pool_timeout": 1,
        "pool_use_lifo": True,  # the connection used last has the warmest cache
        "hide_parameters": True,  # digests, sealed keys and openids stay out of error texts
    }
    if make_url(settings.database_url).get_backend_name() == "sqlite":
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


def _prepare(engine: Engine, *, writes: bool) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "handle_error", _reopen)
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
    cursor.execute("PRAGMA mmap_size = 268435456")
    cursor.close()


def _reopen(context: ExceptionContext) -> None:
    """Have a file that failed opened anew: what is open now may be read-only for good."""
    error = context.original_exception
    of_the_file = type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError}
    if of_the_file and not PASSING.search(str(error)):
        context.is_disconnect = True


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
