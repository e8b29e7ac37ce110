"""Counts of a rate limit in the memory of one process."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from myapi.web import rate_limit_storage
from myapi.web.rate_limit_storage import Counters


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1_000_000.0
        wrong_by = 0.0

        def monotonic(self):
            return self.now

        def time(self):
            return self.now + self.wrong_by

    clock = Clock()
    monkeypatch.setattr(rate_limit_storage, "time", clock)
    return clock


def test_a_window_lets_so_many_in_and_opens_again_when_it_ends(clock):
    limiter, limit = FixedWindowRateLimiter(Counters()), RateLimitItemPerMinute(3)
    assert [limiter.hit(limit, "a") for _ in range(4)] == [True, True, True, False]
    assert limiter.hit(limit, "b"), "each key has a window of its own"
    clock.now += 59.9
    assert not limiter.test(limit, "a")
    clock.now += 0.1
    assert limiter.test(limit, "a")
    assert limiter.hit(limit, "a")


def test_when_a_window_ends_is_told_for_retry_after(clock):
    store = Counters()
    store.incr("a", 60)
    clock.now += 20
    store.incr("a", 60)
    assert store.get_expiry("a") == clock.now + 40
    assert store.get_expiry("unknown") == clock.now


def test_a_window_ends_in_time_though_the_clock_is_put_right(clock):
    limiter, limit = FixedWindowRateLimiter(Counters()), RateLimitItemPerMinute(1)
    clock.wrong_by = 86400
    assert [limiter.hit(limit, "a") for _ in "12"] == [True, False]
    clock.wrong_by = 0
    assert limiter.storage.get_expiry(limit.key_for("a")) == clock.time() + 60
    clock.now += 60
    assert limiter.hit(limit, "a")


def test_keys_whose_window_has_ended_are_forgotten_and_no_other(clock):
    store = Counters()
    for n in range(1000):
        store.incr(f"old {n}", 60)
    clock.now += 50
    store.incr("young", 60)
    clock.now += 20
    store.incr("new", 60)
    assert store.get("young") == 1
    assert store.reset() == 2


def test_a_key_can_be_cleared():
    store = Counters()
    store.incr("a", 60)
    store.clear("a")
    assert store.get("a") == 0


def test_threads_lose_no_count_and_none_is_started():
    store, before = Counters(), threading.active_count()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.incr(f"{n % 3}", 60), range(3000)))
    assert [store.get(f"{n}") for n in range(3)] == [1000, 1000, 1000]
    assert threading.active_count() == before
