"""SQLite has one writer at a time: those who queue share a transaction, its lock and its sync.

Whoever gets the lock writes for all who have queued by then, each in a savepoint and under its own
context, so `caller()` and `request` are its own. MySQL does the same by itself (group commit).
"""

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy.exc
from sqlalchemy import Connection, Engine

BATCH = 16  # jobs in a transaction: other processes wait for the lock

T = TypeVar("T")


class Job:
    """What one caller wants written, and the outcome."""

    def __init__(self, work: Callable[[Connection], Any], wait: float) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self._deadline = time.monotonic() + wait
        self._result: Any = None
        self._error: BaseException | None = None
        self.done = False

    @property
    def left(self) -> float:
        """The seconds that its caller still waits for the lock."""
        return max(0.0, self._deadline - time.monotonic())

    def run(self, tx: Connection) -> None:
        self._result = self._context.run(self._work, tx)

    def fail(self, error: BaseException) -> None:
        self._error = error

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
        if not self._lock.acquire(timeout=wait):
            if self._withdraw(job):
                raise sqlalchemy.exc.TimeoutError("other requests of this process are writing")
            self._lock.acquire()  # it is being written, and the caller has to know the outcome
        try:
            while not job.done:
                self._write_queued(job)
        finally:
            self._lock.release()
        result: T = job.outcome()
        return result

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
            with self._engine.connect() as tx:
                tx.execution_options(lock_wait=leader.left)
                with tx.begin():
                    jobs = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                    _run(jobs, tx)
        except _BrokenTransaction:
            for job in jobs:  # the one that broke it fails alone
                self._write_alone(job)
        except BaseException as error:
            if not jobs:
                self._withdraw(leader)
                jobs = [leader]
            for job in jobs:
                job.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            for job in jobs:
                job.done = True

    def _write_alone(self, job: Job) -> None:
        try:
            with self._engine.begin() as tx:
                job.run(tx)
        except Exception as error:
            job.fail(error)


class _BrokenTransaction(Exception):  # noqa: N818
    """The database failed a statement of one job, and perhaps has rolled back all of them."""


def _run(jobs: list[Job], tx: Connection) -> None:
    if len(jobs) == 1:
        jobs[0].run(tx)
        return
    for job in jobs:
        try:
            with tx.begin_nested():
                job.run(tx)
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise _BrokenTransaction from error
        except Exception as error:
            job.fail(error)
