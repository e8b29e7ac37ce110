"""Tests of the worker in Gunicorn, with slow clients, apps and WeChat."""

import os
import signal
import socket
import threading
import time

from tests.servers import HOST
from tests.service import Load, at_once, wait_for

SLOW = 0.3  # s until the logins wait for WeChat
LONG = 2.5  # s of WeChat's latency; a call to it times out after 3 s

GET = b"GET /%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
KEEP = b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"POST /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def connect(service):
    return socket.create_connection((HOST, service.port), 10)


def ask(service, *pieces, pause=0.0):
    """Send the pieces over one connection and return everything received."""
    with connect(service) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


# ---- concurrency ----


def test_logins_wait_for_wechat_concurrently(serve, wechat):
    service = serve(rate_limit_login="9999")
    wechat.latency = 1.0
    started = time.monotonic()
    answers = at_once(*[lambda n=n: service.login(f"phone{n}.x") for n in range(40)])
    assert [answer.status_code for answer in answers] == [200] * 40
    assert time.monotonic() - started < 10


def test_login_storm_does_not_delay_reads(serve, wechat):
    service = serve()
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


def test_waiting_request_does_not_delay_others(odd):
    service = odd()
    slow = threading.Thread(target=ask, args=(service, GET % b"sleep/3"))
    slow.start()
    time.sleep(0.1)
    started = time.monotonic()
    assert ask(service, GET % b"hello").endswith(b"hello ")
    assert time.monotonic() - started < 2
    slow.join()


def test_flood_on_one_connection_does_not_delay_others(odd):
    service = odd()
    flood = threading.Thread(target=ask, args=(service, KEEP % b"hello" * 3000))
    flood.start()
    time.sleep(0.1)
    started = time.monotonic()
    assert ask(service, GET % b"hello").endswith(b"hello ")
    waited, still_there = time.monotonic() - started, flood.is_alive()
    flood.join()
    assert waited < (time.monotonic() - started) / 2 or not still_there


# ---- one connection ----


def test_pipelined_requests_are_answered_in_order(odd):
    service = odd()
    together = b"".join(KEEP % b"hello/%d" % n for n in range(20))
    answers = at_once(*[lambda: ask(service, together)] * 4)
    for answer in answers:
        places = [answer.index(b"\r\n\r\nhello %d" % n) for n in range(20)]
        assert places == sorted(places)


def test_connection_is_kept_only_after_usual_requests(odd):
    service = odd()
    assert ask(service, KEEP % b"hello", KEEP % b"hello").count(b"200 OK") == 2
    answer = ask(service, KEEP % b"%68ello", KEEP % b"hello")
    assert answer.count(b"200 OK") == 1
    assert b"\r\nConnection: close\r\n" in answer


def test_slow_chunked_bodies_are_read_completely(odd):
    """A request inside a chunk is part of the body."""
    service = odd()
    inner = GET % b"inner"
    chunk = b"%x\r\n%b\r\n" % (len(inner), inner)
    pieces = [CHUNKED, *[chunk] * 4, b"0\r\n\r\n"]
    answers = at_once(*[lambda: ask(service, *pieces, pause=0.03)] * 12)
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nhello " + inner * 4)
        assert answer.count(b"HTTP/1.1 200") == 1


def test_sys_exit_in_the_app_does_not_end_the_worker(odd):
    service = odd()
    workers = service.workers()
    for _ in range(8):
        assert ask(service, GET % b"exit").startswith(b"HTTP/1.1 500 ")
        assert b"200 OK" not in ask(service, GET % b"%65xit")
    assert ask(service, GET % b"hello").endswith(b"hello ")
    assert service.workers() == workers


# ---- stops and reloads ----


def test_stop_does_not_wait_for_idle_connections(odd):
    service = odd()
    with connect(service) as kept, connect(service):  # the second one has sent nothing yet
        kept.sendall(KEEP % b"hello")
        assert kept.recv(65536)
        time.sleep(1)
        started = time.monotonic()
        service.stop()
        assert time.monotonic() - started < 3


def test_stop_answers_open_requests(odd):
    service = odd()
    answers = []
    slow = threading.Thread(target=lambda: answers.append(ask(service, GET % b"sleep/2")))
    slow.start()
    time.sleep(0.5)
    service.stop()
    slow.join()
    assert answers[0].endswith(b"slept")


def test_request_just_after_the_stop_signal_is_answered(odd):
    service = odd()
    with connect(service) as kept:
        kept.sendall(KEEP % b"hello")
        assert kept.recv(65536)
        os.kill(service.pid, signal.SIGTERM)
        time.sleep(0.1)
        kept.sendall(KEEP % b"hello")
        assert b"\r\nConnection: close\r\n" in kept.recv(65536)


def test_reloads_every_second_drop_no_request(serve):
    service = serve(workers=2)
    with Load(service) as load:
        for _ in range(5):
            os.kill(service.pid, signal.SIGHUP)
            time.sleep(1)
    assert load.failed == []
    assert set(load.answered) == {200}


def test_max_requests_drops_no_request(serve):
    arguments = "--max-requests 100 --max-requests-jitter 50"
    service = serve(workers=2, environ={"GUNICORN_CMD_ARGS": arguments})
    workers = service.workers()
    with Load(service) as load:
        wait_for(lambda: len(load.answered) > 2000, 60)
    assert load.failed == []
    assert set(load.answered) == {200}
    assert not workers & service.workers()
