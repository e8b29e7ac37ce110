"""Writers to SQLite share transactions, and none of them notices but by being quicker."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
import sqlalchemy.exc
from sqlalchemy import create_engine, event, text

from myapi import waits
from myapi.db import engines
from myapi.db.group_commit import POLITE, GroupCommit

BUSY = 5.0  # s
SHORT = 0.4  # s


class File:
    """A table of numbers; it counts its transactions, and can be made slow to begin."""

    def __init__(self, path):
        self.path, self.begun, self.may_begin = path, 0, threading.Event()
        self.may_begin.set()
        self.engine = create_engine(f"sqlite:///{path}")
        event.listen(self.engine, "connect", self._connect)
        event.listen(self.engine, "begin", self._begin)
        self.group = GroupCommit(self.engine)
        self.group.run(lambda tx: tx.execute(text("CREATE TABLE numbers (n UNIQUE)")), BUSY)
        self.begun = 0

    def _connect(self, connection, _record):
        connection.isolation_level = None
        engines._disable_busy_timeout(connection, _record)

    def _begin(self, connection):
        self.may_begin.wait(BUSY)
        self.begun += 1
        engines._begin_immediate(engines.WEB, connection)

    def put(self, n, then=lambda: None, wait=BUSY):
        def work(tx):
            tx.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": n})
            then()
            return n

        return self.group.run(work, wait)

    @contextmanager
    def locked(self):
        """Have another process write to the file for as long as the block runs."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("COMMIT")

    def together(self, works):
        """Run works in threads, all but the first of which wait while that one begins."""
        self.may_begin.clear()
        with ThreadPoolExecutor(len(works)) as pool:
            running = []
            for count, work in enumerate(works):
                running.append(pool.submit(work))
                self._until(
                    lambda count=count: self.group._led and len(self.group._waiting) >= count
                )
            self.may_begin.set()
            return [each.exception() or each.result() for each in running]

    def _until(self, holds):
        deadline = time.monotonic() + BUSY
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def numbers(self):
        with sqlite3.connect(self.path) as seen:
            return {n for (n,) in seen.execute("SELECT n FROM numbers")}


@pytest.fixture
def file(tmp_path):
    file = File(tmp_path / "numbers.db")
    yield file
    file.engine.dispose()


def refuse():
    raise ValueError("as a ban would be")


def test_those_who_wait_are_committed_together(file):
    works = [lambda n=n: file.put(n) for n in range(8)]
    assert file.together(works) == list(range(8)), "each gets what its own work returned"
    assert file.numbers() == set(range(8))
    assert file.begun == 2, "the first alone, the seven who came meanwhile in one"


def test_who_writes_for_others_gives_way_between_two_of_them_but_not_for_long(file, monkeypatch):
    ways, polite = [], []
    monkeypatch.setattr(waits, "give_way", lambda: ways.append(len(polite)))
    works = [lambda n=n: file.put(n, lambda: polite.append(n)) for n in range(4)]
    file.together(works)
    assert ways == [0, 1, 2, 3]
    ways.clear()
    polite.clear()
    slow = [lambda n=n: file.put(n, lambda: time.sleep(1.5 * POLITE)) for n in range(4, 8)]
    file.together(slow)
    assert len(ways) == 2, "the first alone; of the three before the first"


def test_what_is_refused_is_undone_and_nothing_else(file):
    found = file.together(
        [
            lambda: file.put(1),
            lambda: file.put(2),
            lambda: file.put(3, then=refuse),
            lambda: file.put(4),
        ]
    )
    assert [type(each) for each in found] == [int, int, ValueError, int]
    assert file.numbers() == {1, 2, 4}


def test_alone_what_is_refused_is_undone(file):
    with pytest.raises(ValueError, match="as a ban"):
        file.put(1, then=refuse)
    assert file.numbers() == set()


def test_an_error_of_the_database_is_that_of_the_work_that_made_it(file):
    file.put(7)
    found = file.together([lambda n=n: file.put(n) for n in (1, 2, 7, 4)])
    assert [type(each) for each in found] == [int, int, sqlalchemy.exc.IntegrityError, int]
    assert file.numbers() == {1, 2, 4, 7}


def test_a_commit_that_fails_fails_all_of_its_work_and_is_not_tried_again(file):
    tried = []

    def fail(_connection):
        if file.begun == 2:
            tried.append(1)
            raise sqlalchemy.exc.OperationalError("COMMIT", None, Exception("disk I/O error"))

    event.listen(file.engine, "commit", fail)
    found = file.together([lambda n=n: file.put(n) for n in range(4)])
    kinds = [int] + [sqlalchemy.exc.OperationalError] * 3
    assert [type(each) for each in found] == kinds
    assert (file.numbers(), tried) == ({0}, [1])


def test_who_waits_too_long_is_refused_and_writes_nothing(file):
    file.may_begin.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(file.put, 1)
        file._until(lambda: file.group._led)
        started = time.monotonic()
        with pytest.raises(sqlalchemy.exc.TimeoutError):
            file.group.run(lambda tx: tx.execute(text("INSERT INTO numbers VALUES (2)")), 0.05)
        assert time.monotonic() - started < 1
        file.may_begin.set()
        assert first.result() == 1
    assert file.put(3) == 3, "nobody is waited for who has gone"
    assert file.numbers() == {1, 3}


@pytest.mark.parametrize("leads", ["who can wait", "who cannot"])
def test_who_cannot_wait_is_refused_soon_and_who_can_is_written_once_the_file_is_free(file, leads):
    """The two have come together, while the first of all waited for another process in vain."""
    waits = {"who can wait": BUSY, "who cannot": SHORT}
    order = sorted(waits, key=lambda name: name != leads)
    file.may_begin.clear()
    with ThreadPoolExecutor(3) as pool:
        with file.locked():
            first = pool.submit(file.put, 0, wait=0)
            file._until(lambda: file.group._led and not file.group._waiting)
            two = {}
            for number, name in enumerate(order, start=1):
                two[name] = pool.submit(file.put, number, wait=waits[name])
                file._until(lambda number=number: len(file.group._waiting) == number)
            file.may_begin.set()
            assert isinstance(first.exception(BUSY), sqlalchemy.exc.OperationalError)
            assert isinstance(two["who cannot"].exception(BUSY), sqlalchemy.exc.OperationalError)
            assert not two["who can wait"].done()
        number = order.index("who can wait") + 1
        assert two["who can wait"].result(BUSY) == number
    assert file.numbers() == {number}
    assert file.put(7) == 7, "and the next one leads"


def test_a_storm_of_writers_loses_nothing(file):
    def phone(first):
        for n in range(first, first + 25):
            if n % 5:
                file.put(n)
            else:
                with pytest.raises(ValueError, match="as a ban"):
                    file.put(n, then=refuse)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(phone, range(0, 400, 25)))
    assert file.numbers() == {n for n in range(400) if n % 5}
    assert not file.group._led
    assert not file.group._waiting


def test_a_thread_that_is_ended_takes_nobody_for_written(file):
    def end():
        raise SystemExit

    def ended():
        with pytest.raises(SystemExit):
            file.put(2, then=end)

    found = file.together([lambda: file.put(1), ended, lambda: file.put(3)])
    assert [type(each) for each in found] == [int, type(None), sqlalchemy.exc.TimeoutError]
    assert file.numbers() == {1}
    assert file.put(4) == 4, "and the next one leads"
