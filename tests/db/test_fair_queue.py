"""The queue in front of the connections: first come, first served, and nobody waits for long."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy.exc

from myapi.db.fair_queue import FairQueue
from tests.in_gevent import passes_in_gevent

LONG, SHORT = 10, 0.1  # s

Refused = sqlalchemy.exc.TimeoutError


def waiting(queue, count):
    """Wait until so many are in the queue."""
    deadline = time.monotonic() + LONG
    while len(queue._waiting) != count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_all_of_this_holds_in_a_gevent_worker():
    passes_in_gevent(__file__)


def test_one_that_finds_a_place_free_enters_at_once():
    queue = FairQueue(2, wait=0)
    with queue.place(), queue.place():
        pass


def test_one_that_finds_none_is_refused_after_its_wait():
    queue = FairQueue(1, wait=SHORT)
    with queue.place():
        started = time.monotonic()
        with pytest.raises(Refused, match="too many"):
            queue.enter()
        assert SHORT <= time.monotonic() - started < SHORT + 1
    with queue.place():
        pass


def test_places_are_handed_over_in_the_order_of_arrival():
    queue, order = FairQueue(1, wait=LONG), []

    def request(n):
        with queue.place():
            order.append(n)

    with ThreadPoolExecutor(8) as pool, queue.place():
        for n in range(8):
            pool.submit(request, n)
            waiting(queue, n + 1)
    assert order == list(range(8))


def test_one_that_comes_later_does_not_take_a_place_that_is_given_back():
    queue = FairQueue(1, wait=SHORT)
    queue.enter()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(queue.enter)
        waiting(queue, 1)
        queue.leave()
        with pytest.raises(Refused):
            queue.enter()
        first.result(LONG)


def test_a_place_is_given_back_after_an_error():
    queue = FairQueue(1, wait=0)
    with pytest.raises(KeyError), queue.place():
        raise KeyError
    with queue.place():
        pass


def test_a_place_that_is_handed_over_at_the_end_of_the_wait_is_not_lost():
    """Many waits end at the very moments at which places become free."""
    queue, refused = FairQueue(1, wait=0.002), []

    def request(_n):
        try:
            with queue.place():
                time.sleep(0.001)
        except Refused:
            refused.append(1)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(request, range(1000)))
    assert 0 < len(refused) < 1000
    queue.enter()


def test_no_more_are_inside_than_there_are_places():
    queue, inside, most = FairQueue(3, wait=LONG), [], []

    def request(n):
        with queue.place():
            inside.append(n)
            most.append(len(inside))
            time.sleep(0.0005)
            inside.remove(n)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(request, range(400)))
    assert max(most) == 3
    with ExitStack() as all_places:
        for _ in range(3):
            all_places.enter_context(queue.place())
