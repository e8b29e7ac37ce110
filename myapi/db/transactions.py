"""The two ways to the data: `reading()` in autocommit, and `@transaction` for what writes."""

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import sqlalchemy.exc
from flask import current_app
from sqlalchemy import Connection, Delete, Insert, Update, insert
from sqlalchemy.dialects import mysql

from myapi.db.engines import LOCK_WAIT, READER, WRITER, database_wait, timeouts
from myapi.db.writer import Writer
from myapi.extensions import Base, db

P = ParamSpec("P")
T = TypeVar("T")
Transaction: TypeAlias = Connection  # it commits or rolls back at the end of the use-case
Callback: TypeAlias = Callable[[], None]

CALLBACKS = "after_commit"  # in `Connection.info`

# MySQL: duplicate key, lock wait timeout, deadlock (also a failed certification on Galera)
RETRIED = {1062, 1205, 1213}
ATTEMPTS = 5


@contextmanager
def reading() -> Iterator[Connection]:
    """Lend a connection that reads in autocommit. Give it back soon."""
    with database_wait(READER), db.engines[READER].connect() as connection:
        yield connection


def write(work: Callable[[Transaction], T], wait: float | None = None) -> T:
    """Run `work` in a write transaction, commit, and return what it returned.

    `work` may run more than once (MySQL: it lost a deadlock, or another inserted the same row
    first), so it has no effect outside the transaction; `after_commit` is for those. On SQLite
    another thread may run it, in a savepoint of a shared transaction, but under the context of its
    own caller. `wait` bounds the wait for other writers on SQLite, in seconds.
    """

    def run(tx: Transaction) -> tuple[T, list[Callback]]:
        callbacks: list[Callback] = []
        tx.info[CALLBACKS] = callbacks
        return work(tx), callbacks

    if db.engine.dialect.name == "sqlite":
        writer: Writer = current_app.extensions["writer"]
        result, callbacks = writer.run(run, timeouts().busy if wait is None else wait)
    else:
        with database_wait(WRITER):
            result, callbacks = _retry(run)
    for callback in callbacks:
        callback()
    return result


def after_commit(tx: Transaction, callback: Callback) -> None:
    """Call `callback` once `tx` is committed; not if it is rolled back."""
    tx.info[CALLBACKS].append(callback)


def transaction(use_case: Callable[Concatenate[Transaction, P], T]) -> Callable[P, T]:
    """Give a use-case its write transaction as first argument; see `write`."""

    @functools.wraps(use_case)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return write(lambda tx: use_case(tx, *args, **kwargs))

    return run


def changed(
    tx: Transaction, statement: Update | Delete, values: dict[str, Any] | None = None
) -> int:
    """Execute, and return how many rows were changed."""
    return tx.execute(statement, values).rowcount


def insert_or_lock(tx: Transaction, model: type[Base], values: dict[str, Any]) -> None:
    """Insert a row; lock it if it exists (a failed INSERT takes a shared lock, which deadlocks)."""
    tx.execute(_insert_or_lock(tx.dialect.name, model), values)


@functools.cache
def _insert_or_lock(dialect: str, model: type[Base]) -> Insert:
    if dialect == "sqlite":
        return insert(model).prefix_with("OR IGNORE")  # SQLAlchemy does not cache ON CONFLICT
    # MySQL has no DO NOTHING: setting a column to its own value comes to the same.
    same = model.__table__.primary_key.columns[0]  # type: ignore[attr-defined]
    return mysql.insert(model).on_duplicate_key_update({same.name: same})


def _retry(work: Callable[[Transaction], T]) -> T:
    give_up = time.monotonic() + timeouts().busy - LOCK_WAIT / 2
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with db.engine.begin() as tx:
                return work(tx)
        except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.IntegrityError) as error:
            if attempt == ATTEMPTS or not (number := _retried(error)):
                raise
            if time.monotonic() > give_up:
                raise sqlalchemy.exc.TimeoutError(f"other writers came first ({number})") from error
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 (no secret)
    raise AssertionError("unreachable")


def _retried(error: sqlalchemy.exc.DBAPIError) -> int | None:
    """Return MySQL's error number if running the work again may succeed."""
    number = next(iter(error.orig.args), None) if error.orig else None
    return number if number in RETRIED else None
