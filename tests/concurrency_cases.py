"""What concurrency promises in a gevent worker: test_concurrency runs this in one."""

import queue
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import gevent
import pytest

from myapi.concurrency import GATE_WAIT, bounded, let_reads_first

SHORT = 0.1  # s


def wait_for_a_socket():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.recv(1)


def wait_for_a_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


WAITS = [
    lambda: time.sleep(5),
    wait_for_a_socket,
    wait_for_a_lock,
    lambda: threading.Event().wait(5),
    lambda: queue.Queue().get(),
]


@pytest.mark.parametrize("wait", WAITS, ids=["sleep", "socket", "lock", "event", "queue"])
def test_any_wait_is_broken_off_in_time(wait):
    started = time.monotonic()
    with pytest.raises(TimeoutError), bounded(SHORT):
        wait()
    assert SHORT <= time.monotonic() - started < SHORT + 1


def test_no_library_takes_the_break_for_an_error_that_it_may_handle():
    with pytest.raises(TimeoutError), bounded(SHORT), suppress(Exception):
        time.sleep(5)


def test_what_ends_in_time_is_left_alone():
    with bounded(SHORT):
        pass
    with pytest.raises(KeyError), bounded(SHORT):
        raise KeyError
    time.sleep(2 * SHORT)  # no timer is left that breaks off what comes later


def test_an_outer_bound_breaks_off_through_an_inner_one_and_the_reverse():
    for outer, inner in [(SHORT, 5), (5, SHORT)]:
        started = time.monotonic()
        with pytest.raises(TimeoutError), bounded(outer), bounded(inner):
            time.sleep(5)
        assert time.monotonic() - started < SHORT + 1


def test_each_request_has_a_bound_of_its_own():
    def request(n):
        with bounded(SHORT if n % 2 else 5):
            time.sleep(2 * SHORT)
        return n

    with ThreadPoolExecutor(10) as pool:
        running = [pool.submit(request, n) for n in range(10)]
        outcomes = [each.exception(5) or each.result() for each in running]
    assert [type(each) for each in outcomes] == [int, TimeoutError] * 5


class Reads:
    """Requests that are always ready, in as many greenlets, each 1 ms of work."""

    def __init__(self, count):
        self.served, self._stop = 0, False
        self._greenlets = [gevent.spawn(self._read) for _ in range(count)]

    def _read(self):
        while not self._stop:
            until = time.perf_counter() + 0.001
            while time.perf_counter() < until:
                pass
            self.served += 1
            gevent.sleep(0)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self._stop = True
        gevent.joinall(self._greenlets)


def test_requests_that_are_ready_go_before_a_write():
    with Reads(5) as reads:
        gevent.sleep(0)
        before = reads.served
        let_reads_first()
        assert reads.served > before


def test_a_write_does_not_wait_where_nothing_else_is_ready():
    started = time.monotonic()
    for _ in range(100):
        let_reads_first()
    assert time.monotonic() - started < 100 * GATE_WAIT / 4


def test_a_flood_of_reads_cannot_hold_up_a_crowd_of_writes():
    waits = []

    def write():
        started = time.monotonic()
        let_reads_first()
        waits.append(time.monotonic() - started)

    with Reads(5):
        gevent.joinall([gevent.spawn(write) for _ in range(150)])
    assert len(waits) == 150
    assert max(waits) < 1


def test_a_write_that_is_broken_off_at_the_gate_leaves_it_open():
    with Reads(5):
        writers = [gevent.spawn(let_reads_first) for _ in range(3)]
        gevent.sleep(0)
        gevent.killall(writers)
    started = time.monotonic()
    let_reads_first()
    assert time.monotonic() - started < 5 * GATE_WAIT
