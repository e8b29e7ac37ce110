"""An SQLite file with a table of numbers, and its writer. It can be made slow to begin."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from sqlalchemy import create_engine, event, text

from myapi.db import engines
from myapi.db.sqlite_connections import begin_immediate
from myapi.db.writer import Writer

BUSY = 5.0  # s


class NumbersFile:
    def __init__(self, path):
        self.path, self.begun, self.may_begin = path, 0, threading.Event()
        self.may_begin.set()
        self.on_begin = lambda count: None
        self.engine = create_engine(f"sqlite:///{path}")
        event.listen(self.engine, "connect", self._connect)
        event.listen(self.engine, "begin", self._begin)
        self.writer = Writer(self.engine)
        self.writer.run(lambda tx: tx.execute(text("CREATE TABLE numbers (n UNIQUE)")), BUSY)
        self.begun = 0

    def _connect(self, connection, _record):
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 0")

    def _begin(self, connection):
        self.may_begin.wait(BUSY)
        self.begun += 1
        self.on_begin(self.begun)
        begin_immediate(engines.WEB.busy, connection)

    def put(self, n, then=lambda: None, wait=BUSY):
        """Write a number, call `then` in the transaction, and return the number."""

        def work(tx):
            tx.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": n})
            then()
            return n

        return self.writer.run(work, wait)

    @contextmanager
    def locked(self):
        """Have another process hold the lock for as long as the block runs."""
        opened = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        with closing(opened) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("COMMIT")

    @contextmanager
    def held_up(self, pool, *works):
        """Run works, and give their futures: the first is about to begin, the others queue."""
        self.may_begin.clear()
        running = []
        for work in works:
            running.append(pool.submit(work))
            self.until_queued(len(running))
        yield running
        self.may_begin.set()

    def together(self, *works):
        """Run works that come while the first one waits; return what each returned or raised."""
        with ThreadPoolExecutor(len(works)) as pool:
            with self.held_up(pool, *works) as running:
                pass
            return [each.exception(BUSY) or each.result() for each in running]

    def until_queued(self, count):
        deadline = time.monotonic() + BUSY
        while len(self.writer._queue) != count:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def numbers(self):
        with closing(sqlite3.connect(self.path)) as seen:
            return {n for (n,) in seen.execute("SELECT n FROM numbers")}
