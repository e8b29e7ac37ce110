"""Read in autocommit, write in a transaction that a use-case owns: the two ways to the data."""

import functools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import sqlalchemy.exc
from flask import current_app
from sqlalchemy import Connection, Delete, Insert, Update, insert
from sqlalchemy.dialects import mysql

from myapi import audit
from myapi.engines import LOCK_WAIT, READER, WRITER, Patience
from myapi.extensions import Base, db
from myapi.pulse import Pulse

P = ParamSpec("P")
T = TypeVar("T")
Transaction: TypeAlias = Connection  # that will commit, or roll back, at the end of a block

LOST_DEADLOCK = {1205, 1213}  # MySQL: lock wait timeout, deadlock (Galera's certification too)
ATTEMPTS = 5

_turn = threading.Lock()


@contextmanager
def reading() -> Iterator[Connection]:
    """Hold a connection that reads in autocommit, briefly."""
    with pulse(READER), db.engines[READER].connect() as connection:
        yield connection


@contextmanager
def writing(wait: float | None = None) -> Iterator[Transaction]:
    """Run the block in one write transaction; `wait` bounds the wait for SQLite's lock (s).

    What `audit.note` was told is logged after the commit.
    """
    patience: Patience = current_app.extensions["patience"]
    # Who waits for SQLite's lock holds a place in the pool, so not all threads can.
    with (
        pulse(WRITER) if wait is None else pulse(WRITER).within(wait),
        db.engine.connect() as tx,
    ):
        audit.begin(tx)
        if tx.dialect.name == "sqlite":
            with (
                _our_turn(wait or patience.busy) as left,
                tx.execution_options(lock_wait=left).begin(),
            ):
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


def _lost_a_deadlock(error: sqlalchemy.exc.OperationalError) -> bool:
    return bool(error.orig and error.orig.args and error.orig.args[0] in LOST_DEADLOCK)


def pulse(which: str) -> Pulse:
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
