"""Writers to SQLite share transactions, and none of them notices but by being quicker."""

import contextvars
import random
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy.exc
from sqlalchemy import event, text

from myapi.db.writer import BATCH
from tests.db.numbers_file import BUSY, NumbersFile
from tests.in_gevent import passes_in_gevent

SHORT = 0.4  # s

Refused = sqlalchemy.exc.TimeoutError


@pytest.fixture
def file(tmp_path):
    file = NumbersFile(tmp_path / "numbers.db")
    yield file
    file.engine.dispose()


def refuse():
    raise ValueError("as a ban would be")


def end():
    raise SystemExit


def kinds(outcomes):
    return [type(each) for each in outcomes]


def test_all_of_this_holds_in_a_gevent_worker():
    passes_in_gevent(__file__)


def test_those_who_queue_share_a_transaction_and_each_gets_its_own_result(file):
    works = [lambda n=n: file.put(n) for n in range(BATCH)]
    assert file.together(*works) == list(range(BATCH))
    assert file.numbers() == set(range(BATCH))
    assert file.begun == 1


def test_a_transaction_takes_a_bounded_number_of_them(file):
    works = [lambda n=n: file.put(n) for n in range(2 * BATCH + 1)]
    assert file.together(*works) == list(range(2 * BATCH + 1))
    assert file.begun == 3


def test_work_runs_under_the_context_of_its_own_caller(file):
    name = contextvars.ContextVar("name")
    seen = {}

    def call(n):
        name.set(n)
        return file.put(n, then=lambda: seen.__setitem__(n, name.get()))

    file.together(*(lambda n=n: call(n) for n in range(8)))
    assert seen == {n: n for n in range(8)}


def test_a_refused_one_is_undone_and_nothing_else(file):
    outcomes = file.together(
        lambda: file.put(1),
        lambda: file.put(2),
        lambda: file.put(3, then=refuse),
        lambda: file.put(4),
    )
    assert kinds(outcomes) == [int, int, ValueError, int]
    assert file.numbers() == {1, 2, 4}


def test_alone_a_refused_one_is_undone(file):
    with pytest.raises(ValueError, match="as a ban"):
        file.put(1, then=refuse)
    assert file.numbers() == set()


def test_an_error_of_the_database_fails_the_work_that_made_it_alone(file):
    file.put(7)
    outcomes = file.together(*(lambda n=n: file.put(n) for n in (1, 2, 7, 4)))
    assert kinds(outcomes) == [int, int, sqlalchemy.exc.IntegrityError, int]
    assert file.numbers() == {1, 2, 4, 7}


def test_a_refusal_is_forgotten_when_the_work_runs_again_and_succeeds(file):
    """The second is refused for what the first wrote, which the third one's error undoes."""
    file.put(7)
    runs = iter([lambda: None, refuse])

    def first():
        return file.put(1, then=lambda: next(runs)())

    def second():
        def work(tx):
            if tx.scalar(text("SELECT 1 FROM numbers WHERE n = 1")):
                refuse()
            tx.execute(text("INSERT INTO numbers VALUES (2)"))
            return 2

        return file.writer.run(work, BUSY)

    outcomes = file.together(first, second, lambda: file.put(7))
    assert kinds(outcomes) == [ValueError, int, sqlalchemy.exc.IntegrityError]
    assert file.numbers() == {2, 7}


def test_a_commit_that_fails_fails_all_that_it_would_have_committed(file):
    tried = []

    def fail(_connection):
        tried.append(1)
        raise sqlalchemy.exc.OperationalError("COMMIT", None, Exception("disk I/O error"))

    event.listen(file.engine, "commit", fail)
    outcomes = file.together(*(lambda n=n: file.put(n) for n in range(4)))
    event.remove(file.engine, "commit", fail)
    assert kinds(outcomes) == [sqlalchemy.exc.OperationalError] * 4
    assert (file.numbers(), tried) == (set(), [1])
    assert file.put(4) == 4


def test_one_that_waits_too_long_is_refused_and_writes_nothing(file):
    with ThreadPoolExecutor(1) as pool:
        with file.held_up(pool, lambda: file.put(1)) as (first,):
            started = time.monotonic()
            with pytest.raises(Refused):
                file.put(2, wait=0.05)
            assert time.monotonic() - started < 1
        assert first.result(BUSY) == 1
    assert file.put(3) == 3
    assert file.numbers() == {1, 3}


def test_a_locked_file_refuses_each_after_its_own_wait(file):
    with ThreadPoolExecutor(2) as pool:
        with file.locked():
            patient = pool.submit(file.put, 1)
            hasty = pool.submit(file.put, 2, wait=SHORT)
            assert isinstance(hasty.exception(BUSY), sqlalchemy.exc.SQLAlchemyError)
            assert not patient.done()
        assert patient.result(BUSY) == 1
    assert file.numbers() == {1}


def test_a_leader_that_cannot_begin_fails_alone_and_a_patient_one_is_written(file):
    """The leader's time is up; the other one came meanwhile, and the lock is given back soon."""
    with ThreadPoolExecutor(2) as pool:
        with file.locked():
            hasty = pool.submit(file.put, 1, wait=SHORT)
            file.until_queued(1)
            patient = pool.submit(file.put, 2)
            assert isinstance(hasty.exception(BUSY), sqlalchemy.exc.OperationalError)
            assert not patient.done()
        assert patient.result(BUSY) == 2
    assert file.numbers() == {2}


def test_those_who_have_to_run_again_alone_wait_no_longer_than_they_said(file):
    """Another process takes the lock between the shared transaction and theirs."""
    file.put(7)
    file.begun = 0
    lock = file.locked()
    file.on_begin = lambda count: lock.__enter__() if count == 2 else None
    with ThreadPoolExecutor(8) as pool:
        works = [lambda n=n: file.put(n, wait=2 * SHORT) for n in (0, 1, 2, 7)]
        with file.held_up(pool, *works) as running:
            pass
        started = time.monotonic()
        assert {type(each.exception(60)) for each in running} == {sqlalchemy.exc.OperationalError}
        assert time.monotonic() - started < 2
        lock.__exit__(None, None, None)
    assert file.numbers() == {7}


def test_a_thread_that_is_ended_takes_nobody_for_written(file):
    def ended():
        with pytest.raises(SystemExit):
            file.put(1, then=end)

    outcomes = file.together(ended, lambda: file.put(2), lambda: file.put(3))
    assert kinds(outcomes) == [type(None), Refused, Refused]
    assert file.numbers() == set()
    assert file.put(4) == 4


def test_a_thread_that_is_ended_while_it_writes_alone_takes_nobody_for_written(file):
    """The shared transaction failed by a double number; the leader ends in the second run."""
    file.put(7)
    runs = iter([lambda: None, end])

    def ended():
        with pytest.raises(SystemExit):
            file.put(1, then=lambda: next(runs)())

    outcomes = file.together(ended, lambda: file.put(2), lambda: file.put(7))
    assert kinds(outcomes) == [type(None), Refused, Refused]
    assert file.numbers() == {7}


def test_work_that_was_committed_before_its_leader_ended_is_known_as_written(file):
    """The shared transaction failed by a double number; each runs alone, in turn."""
    file.put(7)
    runs = iter([lambda: None, end])

    def leads():
        with pytest.raises(SystemExit):
            file.put(1)

    outcomes = file.together(
        leads,
        lambda: file.put(2),
        lambda: file.put(3, then=lambda: next(runs)()),
        lambda: file.put(7),
    )
    assert kinds(outcomes) == [type(None), int, Refused, Refused]
    assert file.numbers() == {1, 2, 7}


def test_one_that_gives_up_at_the_very_moment_when_others_are_fetched_holds_up_nobody(file):
    class Queue(deque):
        def popleft(self):
            found = super().popleft()
            file.until_queued(0)  # until the time of the other one is up
            return found

    file.writer._queue = Queue()
    with ThreadPoolExecutor(2) as pool:
        works = (lambda: file.put(1), lambda: file.put(2, wait=SHORT))
        with file.held_up(pool, *works) as (leader, hasty):
            pass
        assert leader.result(BUSY) == 1
        assert isinstance(hasty.exception(BUSY), Refused)
    assert file.numbers() == {1}


def test_a_storm_of_writers_loses_nothing_and_acknowledges_nothing_that_is_not_there(file):
    written, lock = set(), threading.Lock()

    def phone(first):
        for n in range(first, first + 25):
            try:
                then = refuse if n % 5 == 0 else lambda: None
                file.put(n, then, wait=random.choice([0, 0.001, BUSY]))
            except (ValueError, Refused, sqlalchemy.exc.OperationalError):
                continue
            with lock:
                written.add(n)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(phone, range(0, 400, 25), timeout=60))
    finally:
        sys.setswitchinterval(before)
    assert file.numbers() == written
    assert not file.writer._queue
