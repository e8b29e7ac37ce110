"""What becomes of the others when a greenlet is broken off: test_writer runs this under gevent."""

import time
from concurrent.futures import ThreadPoolExecutor

import gevent
import pytest
import sqlalchemy.exc

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
