"""The worker as a whole: Gunicorn with it, and WeChat that takes its time."""

import socket
import threading
import time

import pytest

from tests.servers import HOST
from tests.service import at_once

SLOW = 0.3  # s that WeChat takes
LONG = 2.5  # s; when its time is up, a call to WeChat has taken 3


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
        for n in range(16)
    ]
    for phone in phones:
        phone.start()
    time.sleep(SLOW)
    started = time.monotonic()
    for _ in range(5):
        assert service.call("GET", "/api/hello").status_code == 200
    assert time.monotonic() - started < LONG - 2 * SLOW
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


# ---- with an app that is odd ----

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CHUNKED = b"POST /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def odd(serve):
    return lambda threads=8: serve(app="tests.worker.odd_app:app", threads=threads)


def ask(service, *pieces, pause=0.0):
    """Send the pieces over one connection, and return all that is answered."""
    with socket.create_connection((HOST, service.port), 10) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_an_app_that_ends_its_thread_ends_none_of_the_worker(odd):
    service = odd(threads=4)
    for _ in range(8):
        assert ask(service, GET % b"exit").startswith(b"HTTP/1.1 500 ")
    assert ask(service, GET % b"hello").endswith(b"/hello ")


def test_who_waits_without_a_word_keeps_nobody_waiting(odd):
    service = odd()
    slow = threading.Thread(target=ask, args=(service, GET % b"sleep"))
    slow.start()
    time.sleep(0.1)
    started = time.monotonic()
    assert ask(service, GET % b"hello").endswith(b"/hello ")
    assert time.monotonic() - started < 2
    slow.join()


def test_each_of_many_slow_chunked_bodies_is_read_by_one_thread_and_whole(odd):
    """There are two readers, and more that want one; what looks like a request is a body."""
    service = odd()
    inner = GET % b"inner"
    chunk = b"%x\r\n%b\r\n" % (len(inner), inner)
    pieces = [CHUNKED, *[chunk] * 4, b"0\r\n\r\n"]
    answers = at_once(*[lambda: ask(service, *pieces, pause=0.03)] * 12)
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\n/chunks " + inner * 4)
        assert answer.count(b"HTTP/1.1 200") == 1


def test_a_reader_that_is_done_calls_one_who_still_wants_it(odd):
    service = odd(threads=4)  # one reader
    head = CHUNKED + b"ff\r\n"
    first, gone = (socket.create_connection((HOST, service.port), 10) for _ in range(2))
    for each in (first, gone):
        each.sendall(head)
        time.sleep(0.1)
    gone.close()
    waiting = threading.Thread(
        target=lambda: answers.append(ask(service, CHUNKED, b"2\r\nab\r\n0\r\n\r\n"))
    )
    answers = []
    waiting.start()
    time.sleep(0.1)
    first.close()
    waiting.join(5)
    assert answers
    assert answers[0].endswith(b"/chunks ab")


def test_a_stop_waits_for_nobody_who_says_nothing(odd):
    service = odd()
    with socket.create_connection((HOST, service.port), 10) as kept:
        kept.sendall((GET % b"hello").replace(b"close", b"keep-alive"))
        assert kept.recv(65536)
        started = time.monotonic()
        service.stop()
        assert time.monotonic() - started < 10


def test_requests_that_came_together_are_answered_in_order_though_some_wait(odd):
    service = odd()
    keep = (GET % b"%d").replace(b"close", b"keep-alive")
    together = b"".join(keep % n for n in range(20))
    answers = at_once(*[lambda: ask(service, together)] * 4)
    for answer in answers:
        places = [answer.index(b"\r\n\r\n/%d " % n) for n in range(20)]
        assert places == sorted(places)
