"""A request is broken off while it waits for the database: test_broken_off runs this in gevent."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import gevent
import pytest
import sqlalchemy.exc
from sqlalchemy import bindparam, func, literal_column, select, text

from myapi import create_app
from myapi.concurrency import bounded
from myapi.db import deadline
from myapi.db.deadline import request_deadline
from myapi.db.engines import POOL
from myapi.db.fair_queue import FairQueue
from myapi.db.hot_query import HotQuery
from myapi.db.transactions import reading, write
from myapi.extensions import db
from myapi.settings import Settings
from tests.db.numbers_file import BUSY, NumbersFile

SHORT = 0.1  # s


@pytest.fixture
def file(tmp_path):
    file = NumbersFile(tmp_path / "numbers.db")
    yield file
    file.engine.dispose()


def broken_off(work, seconds=SHORT):
    with gevent.Timeout(seconds, False):
        return work()
    return "broken off"


def test_work_of_a_request_that_was_broken_off_in_the_queue_is_never_written(file):
    works = (lambda: file.put(1), lambda: broken_off(lambda: file.put(2)))
    with ThreadPoolExecutor(2) as pool:
        with file.held_up(pool, *works) as (leader, queued):
            assert queued.result(BUSY) == "broken off"
        assert leader.result(BUSY) == 1
    assert file.put(3) == 3
    assert file.numbers() == {1, 3}


def test_a_leader_that_is_broken_off_while_the_file_is_locked_harms_no_other(file):
    with ThreadPoolExecutor(2) as pool:
        with file.locked():
            leader = pool.submit(broken_off, lambda: file.put(1))
            file.until_queued(1)
            other = pool.submit(file.put, 2)
            assert leader.result(BUSY) == "broken off"
            assert not other.done()
        assert other.result(BUSY) == 2
    assert file.numbers() == {2}


def test_a_leader_that_is_broken_off_in_work_of_another_leaves_all_unwritten_and_says_so(file):
    outcomes = file.together(
        lambda: broken_off(lambda: file.put(1), 4 * SHORT),
        lambda: file.put(2),
        lambda: file.put(3, then=lambda: time.sleep(8 * SHORT)),
    )
    assert outcomes[0] == "broken off"
    assert {type(each) for each in outcomes[1:]} == {sqlalchemy.exc.TimeoutError}
    assert file.put(4) == 4
    assert file.numbers() == {4}


def test_a_place_that_a_broken_off_request_waited_for_goes_to_the_next():
    queue = FairQueue(1, wait=BUSY)
    with ThreadPoolExecutor(2) as pool:
        with queue.place():
            first = pool.submit(broken_off, queue.enter)
            gevent.sleep(0)
            second = pool.submit(queue.enter)
            assert first.result(BUSY) == "broken off"
        second.result(BUSY)
    queue.leave()
    assert broken_off(queue.enter) is None


def test_a_place_that_is_handed_over_at_the_moment_of_the_break_is_not_lost():
    queue = FairQueue(1, wait=BUSY)
    queue.enter()
    waiting = gevent.spawn(queue.enter)
    gevent.sleep(0)
    waiting.kill(block=False)  # it ends when it runs next, with the place in its hand
    queue.leave()
    waiting.join()
    assert broken_off(queue.enter) is None


def test_a_storm_of_breaks_loses_no_place_and_lets_in_no_more_than_there_are():
    queue = FairQueue(3, wait=BUSY)
    inside, most = [], []

    def request(n):
        with bounded(n % 7 / 1000), queue.place():
            inside.append(n)
            most.append(len(inside))
            try:
                time.sleep(n % 5 / 1000)
            finally:
                inside.remove(n)

    with ThreadPoolExecutor(32) as pool:
        for each in [pool.submit(request, n) for n in range(1000)]:
            with suppress(TimeoutError):
                each.result(60)
    assert max(most) == 3
    for _ in range(3):
        assert broken_off(queue.enter) is None


@pytest.fixture
def on_server(server, tmp_path):
    """Be in an app on an empty MariaDB, and on an empty MySQL."""
    settings = Settings(
        secret_keys=("k" * 32,), database_url=server.url("mysql"), instance_path=tmp_path
    )
    app = create_app(settings)
    with app.app_context():
        yield app
        for engine in db.engines.values():
            engine.dispose()


SLEEP = HotQuery(select(func.sleep(bindparam("seconds")).label("slept"), literal_column("7")))
ECHO = HotQuery(select(bindparam("n").label("n")))
SLOW = text("SELECT SLEEP(1)")


def read_slowly():
    with reading() as connection:
        connection.execute(SLOW)


@pytest.mark.parametrize(
    "slow",
    [
        lambda: SLEEP.first({"seconds": 1}),
        read_slowly,
        lambda: write(lambda tx: tx.execute(SLOW)),
    ],
    ids=["hot query", "reading", "transaction"],
)
def test_the_next_request_gets_no_answer_of_one_that_was_broken_off(on_server, slow, monkeypatch):
    monkeypatch.setattr(deadline, "REQUEST", 60)  # all that follows counts as one request
    assert [broken_off(slow) for _ in range(2 * POOL)] == ["broken off"] * 2 * POOL
    for n in range(2 * POOL):
        assert ECHO.first({"n": n}) == [n]
        with reading() as connection:
            assert connection.scalar(text("SELECT :n"), {"n": n}) == n
        assert write(lambda tx, n=n: tx.scalar(text("SELECT :n"), {"n": n})) == n


def test_a_transaction_that_is_broken_off_is_rolled_back(on_server, server):
    server.create_database("broken_off")
    table = "broken_off.numbers"
    write(lambda tx: tx.execute(text(f"CREATE TABLE {table} (n INT PRIMARY KEY)")))

    def work(tx):
        tx.execute(text(f"INSERT INTO {table} VALUES (1)"))
        tx.execute(SLOW)

    assert broken_off(lambda: write(work)) == "broken off"
    write(lambda tx: tx.execute(text(f"INSERT INTO {table} VALUES (1)")))


def test_one_deadline_breaks_off_all_that_a_request_waits_for_the_database(on_server, monkeypatch):
    monkeypatch.setattr(deadline, "REQUEST", 0.5)
    started = time.monotonic()
    SLEEP.first({"seconds": 0.3})
    with pytest.raises(sqlalchemy.exc.TimeoutError):
        SLEEP.first({"seconds": 1})
    assert time.monotonic() - started < 0.8
    with pytest.raises(sqlalchemy.exc.TimeoutError):
        ECHO.first({"n": 1})
    with on_server.app_context():  # another request
        assert ECHO.first({"n": 1}) == [1]


def test_a_wait_inside_another_is_counted_once(on_server, monkeypatch):
    monkeypatch.setattr(deadline, "REQUEST", 0.5)
    with request_deadline(), request_deadline():
        time.sleep(0.3)
    with request_deadline():
        time.sleep(0.1)
    started = time.monotonic()
    with pytest.raises(sqlalchemy.exc.TimeoutError), request_deadline(), request_deadline():
        time.sleep(1)
    assert time.monotonic() - started < 0.3


def test_waiting_in_the_queue_counts_too(on_server, monkeypatch):
    monkeypatch.setattr(deadline, "REQUEST", 0.3)
    queue = on_server.extensions["queues"]["reader"]
    for _ in range(POOL):
        queue.enter()
    started = time.monotonic()
    with pytest.raises(sqlalchemy.exc.TimeoutError, match="one request"):
        ECHO.first({"n": 1})
    assert time.monotonic() - started < 0.45
    queue.leave()
    with on_server.app_context():
        assert ECHO.first({"n": 1}) == [1]
