"""What goes before what, when everything has come at once."""

import os
import socket
import threading
import time
from collections import deque
from types import SimpleNamespace

import pytest

from myapi.worker.connection import Connection
from myapi.worker.loop import BEGINS, READS, Loop


class Turns:
    """The turn lasts. Somebody may have come back for it, and so many threads are free."""

    is_mine, is_wanted, free, most = True, False, 8, 8

    def take_in_hand(self):
        pass

    put_down = take_in_hand


@pytest.fixture
def loop(monkeypatch):
    """A loop to which nothing comes but what the test puts there; it writes down what it does."""
    pipe = os.pipe()
    cfg = SimpleNamespace(worker_connections=10, keepalive=1, threads=8)
    loop = Loop(SimpleNamespace(cfg=cfg, sockets=[], PIPE=pipe, alive=True))
    loop.open(Turns())
    loop.did = []
    loop.really_take_up = loop._take_up
    monkeypatch.setattr(loop, "_take_up", loop.did.append)
    yield loop
    loop._poller.close()
    for end in pipe:
        os.close(end)


READ = "a read"


def put(loop, reads=0, late=()):
    loop._ready = deque([READ] * reads)
    for name in late:
        loop._put_off(lambda name=name: loop.did.append(name))
    loop.wake()


def test_where_nobody_else_waits_all_reads_are_answered(loop):
    put(loop, reads=5 * READS)
    loop.run_once()
    assert loop.did == [READ] * 5 * READS


def test_reads_go_before_a_login(loop):
    put(loop, reads=2, late=["a login"])
    loop.run_once()
    assert loop.did == [READ, READ, "a login"]


def test_one_login_begins_at_a_time(loop):
    put(loop, late=["a login", "another"])
    loop.run_once()
    assert loop.did == ["a login"]


def test_a_flood_of_reads_holds_up_no_login(loop):
    put(loop, reads=50 * READS, late=["a login"])
    loop.run_once()
    assert loop.did.index("a login") == READS


def test_a_flood_of_reads_holds_up_nobody_who_has_come_back(loop):
    loop._turns.is_wanted = True
    put(loop, reads=50 * READS)
    loop.run_once()
    assert len(loop.did) <= 2 * READS


def test_what_has_begun_goes_before_a_login(loop):
    loop._turns.is_wanted = True
    put(loop, late=["a login"])
    loop.run_once()
    assert loop.did == []


def test_where_somebody_always_comes_back_a_login_begins_soon_and_one_at_a_time(loop):
    """As where reads wait for a database far away, and there are always more of them."""
    loop._turns.is_wanted = True
    put(loop, late=["a login", "another"])
    time.sleep(2 * BEGINS)
    loop.run_once()
    loop.wake()
    loop.run_once()
    assert loop.did == ["a login"]


def test_the_last_threads_are_for_reads(loop):
    loop._turns.free = 1
    put(loop, reads=1, late=["a login"])
    loop.run_once()
    assert loop.did == [READ]


def test_in_a_shortage_of_threads_a_login_begins_all_the_same(loop):
    loop._turns.free, loop._turns.most = 0, 3
    put(loop, late=["a login"])
    loop.run_once()
    assert loop.did == ["a login"]


def test_there_is_something_to_go_first_only_if_a_client_has_sent_it(loop):
    loop.wake()
    assert not loop.look()
    put(loop, reads=1)
    assert loop.look()


def test_who_is_aside_is_left_alone_whatever_tells_of_it(loop, monkeypatch):
    """Two threads would have it, if it were taken up and put aside a second time."""
    here, there = socket.socketpair()
    with here, there:
        connection = Connection(here, "", "", None)
        loop._poller.register(here, 1, connection)
        loop.clients.set_aside(connection)
        there.sendall(b"more of a long body")
        loop.really_take_up(connection)
        assert connection.held == b""
        loop.clients.look_again_at(connection)
        monkeypatch.setattr(loop._exchange, "answer", loop.did.append)
        loop.really_take_up(connection)
        assert loop.did == [connection]


def test_who_waits_again_when_two_threads_tell_of_the_first_time_is_told_again(loop, monkeypatch):
    here, there = socket.socketpair()
    told = []

    def tell_and_wait_again():
        loop._tell(first)
        loop.tell_once_readable(here, lambda: told.append("again"))

    with here, there:
        loop.tell_once_readable(here, lambda: told.append("once"))
        first = loop._poller.get_key(here).data
        other, get_key = threading.Thread(target=tell_and_wait_again), loop._poller.get_key

        def get_key_slowly(sock):
            found = get_key(sock)
            if threading.current_thread() is not other:
                other.start()
                other.join(0.2)
            return found

        monkeypatch.setattr(loop._poller, "get_key", get_key_slowly)
        loop._tell(first)
        other.join()
        monkeypatch.undo()
        there.sendall(b"the rest")
        loop.look()
        assert told == ["once", "again"]
