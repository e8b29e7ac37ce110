"""One transaction for all who wait to write to SQLite: its lock and its sync are paid once.

SQLite has one writer at a time, and each commit waits for the disk. So whoever finds nobody
writing leads: it runs what the others have brought meanwhile in its own transaction, each in a
savepoint, and tells each its outcome after the commit. MySQL does the same by itself.
"""

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy.exc
from sqlalchemy import Connection, Engine

from myapi import waits

FOREVER = -1  # as the standard library has it
POLITE = 0.02  # s of a transaction in which those who only read may go between two pieces of work

T = TypeVar("T")
Work = Callable[[Connection], Any]


class Job:
    """What one thread wants written, until when it waits for that, and what came of it."""

    def __init__(self, work: Work, deadline: float) -> None:
        self.work = work
        # Another thread may do the work: `request`, `caller()` and the like stay those of this one.
        self._context = contextvars.copy_context()
        self.deadline = deadline  # `time.monotonic()` seconds
        self.result: Any = None
        self.error: Exception | None = None
        self.committed = False
        self.done = False
        self._turn = waits.signal()

    @property
    def left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def run(self, tx: Connection, *, alone: bool) -> None:
        """Do the work. What it raises fails it alone, but for an error of the database."""
        self.error = None
        if alone:
            self.result = self._context.run(self.work, tx)
            return
        try:
            with tx.begin_nested():
                self.result = self._context.run(self.work, tx)
        except sqlalchemy.exc.SQLAlchemyError:
            raise
        except Exception as error:
            self.error = error

    def wait(self, seconds: float) -> bool:
        """Wait to be done or to lead; False when the time is up before."""
        return self._turn.wait(seconds)

    def end(self) -> None:
        self.done = True
        self.wake()

    def wake(self, *, leads: bool = False) -> None:
        self._turn.set(first=leads)

    def outcome(self) -> Any:  # noqa: ANN401 (what the work returned)
        if self.error is not None:
            raise self.error
        if not self.committed:
            raise sqlalchemy.exc.TimeoutError("the thread that wrote was ended")
        return self.result


class GroupCommit:
    """Runs work in transactions on one engine; threads share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._guard = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._led = False

    def run(self, work: Callable[[Connection], T], wait: float) -> T:
        """Return what `work` returns once it is committed, or raise what it or the commit raises.

        `wait` bounds the wait for other writers, in seconds; SQLAlchemy's TimeoutError tells of it.
        """
        job = Job(work, time.monotonic() + wait)
        with self._guard:
            self._waiting.append(job)
            leads, self._led = not self._led, True
        if not leads:
            self._await(job)
        while not job.done:
            self._lead(job)
        result: T = job.outcome()
        return result

    def _await(self, job: Job) -> None:
        if job.wait(job.left):
            return
        with self._guard:
            if job.wait(0):
                return
            if job in self._waiting:
                self._waiting.remove(job)
                raise sqlalchemy.exc.TimeoutError("other writers of this process hold SQLite")
        job.wait(FOREVER)  # it is being written, which is bounded; what comes of it has to be known

    def _lead(self, leader: Job) -> None:
        """Write for all who wait; who leads goes on to, until its own is done."""
        with self._guard:
            jobs = list(self._waiting)
            self._waiting.clear()
        wait_on: list[Job] = []
        try:
            wait_on = self._write(jobs)
        finally:
            with self._guard:
                self._waiting.extendleft(reversed(wait_on))
                self._led = bool(self._waiting)
                if self._led and leader not in wait_on:
                    self._waiting[0].wake(leads=True)
            for job in jobs:
                if job not in wait_on:
                    job.end()

    def _write(self, jobs: list[Job]) -> list[Job]:
        """Write, and return those that have time left to wait where others' time was up."""
        began = worked = False
        try:
            with self._engine.connect() as tx:
                # See engines. Who can wait the shortest is not kept waiting by who can longer.
                tx.execution_options(lock_wait=min(job.left for job in jobs))
                with tx.begin() as begun:
                    began = True
                    _run_all(jobs, tx)
                    worked = True
                    waits.pass_on()  # to wait for the disk
                    begun.commit()
        except Exception as error:
            for job in jobs:
                job.error = error
            if not began:
                in_time = [job for job in jobs if job.left]
                return in_time if len(in_time) < len(jobs) else []
            if not worked and len(jobs) > 1:  # a commit that failed is not tried twice
                for job in jobs:  # what breaks the transaction is to break its own alone
                    self._write([job])
        else:
            for job in jobs:
                job.committed = True
        return []


def _run_all(jobs: list[Job], tx: Connection) -> None:
    polite_until = time.monotonic() + POLITE  # and no longer: other processes wait for the lock
    for job in jobs:
        if time.monotonic() < polite_until:
            waits.give_way()
        job.run(tx, alone=len(jobs) == 1)
