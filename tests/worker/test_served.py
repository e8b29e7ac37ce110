"""The worker as a whole: Gunicorn with it, and WeChat that takes its time."""

import threading
import time

import pytest

from tests.service import at_once

SLOW = 0.3  # s that WeChat takes
LONG = 2.0  # s; when its time is up, a call to WeChat has taken 3


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_logins_beyond_the_threads_are_answered_one_after_the_other(serve, wechat, threads):
    service = serve(threads=threads, wechat_concurrency=threads)
    wechat.latency = SLOW
    answers = at_once(*[lambda n=n: service.login(f"phone{n}.x") for n in range(4)])
    assert [answer.status_code for answer in answers] == [200] * 4


def test_one_thread_is_enough_for_a_login(serve, wechat):
    service = serve(threads=1)
    wechat.latency = SLOW
    started = time.monotonic()
    assert service.login("alice").status_code == 200
    assert time.monotonic() - started < LONG


def test_a_storm_of_logins_leaves_a_thread_for_who_reads(serve, wechat):
    service = serve(threads=8, wechat_concurrency=8)
    wechat.latency = LONG
    phones = [
        threading.Thread(target=service.login, args=(f"phone{n}.x",), daemon=True)
        for n in range(32)
    ]
    for phone in phones:
        phone.start()
    time.sleep(SLOW)
    started = time.monotonic()
    for _ in range(5):
        assert service.call("GET", "/api/hello").status_code == 200
    assert time.monotonic() - started < LONG / 2
    for phone in phones:
        phone.join()


def test_a_read_goes_before_a_login_that_came_first(serve, wechat):
    """All but the threads for reads are taken, so the login waits; the read does not."""
    service = serve(threads=4, wechat_concurrency=4)
    wechat.latency = SLOW
    order = []
    taken = [threading.Thread(target=service.login, args=(f"phone{n}.x",)) for n in range(8)]
    for each in taken:
        each.start()
    time.sleep(SLOW / 3)
    late = threading.Thread(target=lambda: (service.login("late.x"), order.append("login")))
    late.start()
    service.call("GET", "/api/hello")
    order.append("read")
    for each in [late, *taken]:
        each.join()
    assert order == ["read", "login"]
