"""What goes before what, when everything has come at once."""

import os
from collections import deque
from types import SimpleNamespace

import pytest

from myapi.worker.loop import READS, Loop


class Turns:
    """The turn lasts. Somebody may have come back for it, and so many threads are free."""

    is_mine, is_wanted, free = True, False, 100

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
    monkeypatch.setattr(loop, "_take_up", loop.did.append)
    yield loop
    loop._poller.close()
    for end in pipe:
        os.close(end)


READ = "a read"


def put(loop, reads=0, late=()):
    loop._ready = deque([READ] * reads)
    loop._late = deque(lambda name=name: loop.did.append(name) for name in late)
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


def test_the_last_threads_are_for_reads(loop):
    loop._turns.free = 1
    put(loop, reads=1, late=["a login"])
    loop.run_once()
    assert loop.did == [READ]


def test_there_is_something_to_go_first_only_if_a_client_has_sent_it(loop):
    loop.wake()
    assert not loop.look()
    put(loop, reads=1)
    assert loop.look()
