"""Read in autocommit, write in a transaction that a use-case owns: the two ways to the data."""

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

from myapi import audit, waits
from myapi.engines import LOCK_WAIT, READER, WRITER, Patience
from myapi.extensions import Base, db
from myapi.group_commit import GroupCommit
from myapi.pulse import Pulse

P = ParamSpec("P")
T = TypeVar("T")
Transaction: TypeAlias = Connection  # that will commit, or roll back, at the end of a block

# MySQL: a row that another made meanwhile, lock wait timeout, deadlock (Galera's certification too)
LOST = {1062, 1205, 1213}
ATTEMPTS = 5


@contextmanager
def reading() -> Iterator[Connection]:
    """Hold a connection that reads in autocommit, briefly."""
    with pulse(READER), db.engines[READER].connect() as connection:
        yield connection


def write(work: Callable[[Transaction], T], wait: float | None = None) -> T:
    """Return what `work` returns, once it is committed; what `audit.note` was told is logged then.

    On SQLite that may be in a savepoint of another thread's transaction, and run by that thread.
    It is run again when MySQL made it the loser of a deadlock, or of a race to make the same row,
    so it has no effect outside.
    `wait` bounds the wait for other writers (s).
    """

    def noted(tx: Transaction) -> tuple[T, audit.Notes]:
        audit.begin(tx)
        return work(tx), audit.told(tx)

    try:
        # Who waits for SQLite's lock holds a place in the pool, so not all threads can.
        with pulse(WRITER) if wait is None else pulse(WRITER).within(wait):
            if db.engine.dialect.name == "sqlite":
                group: GroupCommit = current_app.extensions["group_commit"]
                result, notes = group.run(noted, wait or _patience().busy)
            else:
                waits.pass_on()
                result, notes = _until_it_wins(noted)
    finally:
        waits.come_back()
    audit.publish(notes)
    return result


def transaction(use_case: Callable[Concatenate[Transaction, P], T]) -> Callable[P, T]:
    """Give a use-case the write transaction it owns, as its first argument: see `write`."""

    @functools.wraps(use_case)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return write(lambda tx: use_case(tx, *args, **kwargs))

    return run


def changed(
    tx: Transaction, statement: Update | Delete, values: dict[str, Any] | None = None
) -> int:
    """Execute, and return how many rows that changed."""
    return tx.execute(statement, values).rowcount


def insert_or_lock(tx: Transaction, model: type[Base], values: dict[str, Any]) -> None:
    """Insert; where the row is there, take its lock (a failed INSERT's shared one deadlocks)."""
    tx.execute(_insert_or_lock(tx.dialect.name, model), values)


@functools.cache
def _insert_or_lock(dialect: str, model: type[Base]) -> Insert:
    if dialect == "sqlite":
        return insert(model).prefix_with("OR IGNORE")  # ON CONFLICT is compiled with each call
    # MySQL does nothing only by setting something to what it is.
    same = model.__table__.primary_key.columns[0]  # type: ignore[attr-defined]
    return mysql.insert(model).on_duplicate_key_update({same.name: same})


def _until_it_wins(work: Callable[[Transaction], T]) -> T:
    give_up = time.monotonic() + _patience().busy - LOCK_WAIT / 2
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with db.engine.begin() as tx:
                return work(tx)
        except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.IntegrityError) as error:
            if attempt == ATTEMPTS or not (number := _lost(error)):
                raise
            if time.monotonic() > give_up:
                raise sqlalchemy.exc.TimeoutError(f"other writers won ({number})") from error
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 (no secret)
    raise AssertionError("unreachable")


def _lost(error: sqlalchemy.exc.DBAPIError) -> int | None:
    """Return MySQL's number of an error where it may be gone when the work is run again."""
    number = next(iter(error.orig.args), None) if error.orig else None
    return number if number in LOST else None


def _patience() -> Patience:
    found: Patience = current_app.extensions["patience"]
    return found


def pulse(which: str) -> Pulse:
    found: Pulse = current_app.extensions["pulse"][which]
    return found
