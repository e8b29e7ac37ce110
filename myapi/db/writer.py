"""SQLite allows one writer at a time, so queued jobs share a transaction: one lock, one sync.

The caller that gets the lock (the leader) writes the jobs that are queued by then. Each job has its
own savepoint and runs under its own context, so `caller()` and `request` are those of its caller.
MySQL groups commits by itself.
"""

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import sqlalchemy.exc
from sqlalchemy import Connection, Engine

BATCH = 4  # jobs in a transaction: while they run, no other request does

T = TypeVar("T")


class Job:
    """What one caller wants written, and the outcome."""

    def __init__(self, work: Callable[[Connection], Any], wait: float) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self._deadline = time.monotonic() + wait
        self._result: Any = None
        self._error: Exception | None = None
        self.done = False

    @property
    def left(self) -> float:
        """The seconds that its caller still waits for the lock."""
        return max(0.0, self._deadline - time.monotonic())

    def run(self, tx: Connection) -> None:
        self._result = self._context.run(self._work, tx)

    def finish(self, error: Exception | None) -> None:
        """Say that it is committed, or why it will not be. What was said first stays."""
        if not self.done:
            self._error = error
            self.done = True

    def outcome(self) -> Any:  # noqa: ANN401 (what the work returned)
        if self._error is not None:
            raise self._error
        return self._result


class Writer:
    """Runs jobs in write transactions of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._queue: deque[Job] = deque()

    def run(self, work: Callable[[Connection], T], wait: float) -> T:
        """Run `work`, commit, and return what it returned, or raise what it or the commit raised.

        `wait` bounds the wait for other writers, in seconds; SQLAlchemy's TimeoutError ends it.
        """
        job = Job(work, wait)
        self._queue.append(job)
        try:
            self._have_written(job, wait)
        except BaseException:  # refused, or broken off (by a gevent.Timeout, by Ctrl-C)
            self._withdraw(job)
            raise
        result: T = job.outcome()
        return result

    def _have_written(self, job: Job, wait: float) -> None:
        if not self._lock.acquire(timeout=wait):
            if self._withdraw(job):
                raise sqlalchemy.exc.TimeoutError("other requests of this process are writing")
            self._lock.acquire()  # it is being written, and the caller has to know the outcome
        try:
            while not job.done:
                self._write_queued(job)
        finally:
            self._lock.release()

    def _withdraw(self, job: Job) -> bool:
        try:
            self._queue.remove(job)
        except ValueError:
            return False
        return True

    def _write_queued(self, leader: Job) -> None:
        """Write the next jobs of the queue. If no transaction can begin, only the leader fails."""
        jobs: list[Job] = []
        try:
            self._write_together(jobs, leader)
        except _BrokenTransaction:
            for job in jobs:  # the one that broke it fails alone
                self._write_alone(job)
        except Exception as error:
            if not jobs:
                self._withdraw(leader)
            _finish(jobs or [leader], error)
        finally:  # if the leader was broken off, the rest is not committed
            _finish(jobs, sqlalchemy.exc.TimeoutError("the request that wrote it was broken off"))

    def _write_together(self, jobs: list[Job], leader: Job) -> None:
        """Move the next jobs of the queue to `jobs`, and write them."""
        with self._begin(leader) as tx:
            with suppress(IndexError):  # the queue is empty; one may leave it at any moment
                while len(jobs) < BATCH:
                    jobs.append(self._queue.popleft())
            refused = _run(jobs, tx)
        for job in jobs:
            job.finish(refused.get(job))

    @contextmanager
    def _begin(self, job: Job) -> Iterator[Connection]:
        with self._engine.connect() as tx:
            tx.execution_options(lock_wait=job.left)
            with tx.begin():
                yield tx

    def _write_alone(self, job: Job) -> None:
        try:
            with self._begin(job) as tx:
                job.run(tx)
        except Exception as error:
            job.finish(error)
        else:
            job.finish(None)


class _BrokenTransaction(Exception):  # noqa: N818
    """The database failed a statement of one job, and perhaps has rolled back all of them."""


def _run(jobs: list[Job], tx: Connection) -> dict[Job, Exception]:
    """Return the jobs that refused, with their errors."""
    if len(jobs) == 1:
        jobs[0].run(tx)
        return {}
    refused: dict[Job, Exception] = {}
    for job in jobs:
        try:
            with tx.begin_nested():
                job.run(tx)
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise _BrokenTransaction from error
        except Exception as error:
            refused[job] = error
    return refused


def _finish(jobs: list[Job], error: Exception) -> None:
    for job in jobs:
        job.finish(error)
