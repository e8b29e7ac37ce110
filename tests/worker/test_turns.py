"""One thread has the turn, and never keeps it while it waits."""

import random
import threading
import time

import pytest

from myapi.worker import turns
from myapi.worker.turns import TICK, Turns
from tests.service import wait_for

SOON = 10.0  # s


class Work:
    """Pieces of work for the threads: callables, taken from a list; between them they rest.

    Whatever is in the list of what is urgent goes before who has come back.
    """

    def __init__(self, most=8):
        self.turns = Turns(self, most)
        self.pieces = []
        self.urgent = []
        self.threads = []
        self.told = {}
        self._running = 0
        self.most_running = 0

    def wake(self):
        pass  # it never waits for long

    def tend(self):
        for sock in [*self.told]:
            self.told.pop(sock)()

    def tell_once_readable(self, sock, then):
        self.told[sock] = then

    def forget(self, sock):
        self.told.pop(sock, None)

    def look(self):
        return bool(self.urgent)

    def run_once(self):
        found = self.urgent or self.pieces
        if not found:
            self.turns.put_down()
            time.sleep(TICK / 4)
            return
        piece = found.pop(0)
        self.threads.append(threading.current_thread())
        self.turns.take_in_hand()
        self._running += 1
        self.most_running = max(self.most_running, self._running)
        try:
            piece()
        finally:
            self._running -= 1

    def done(self):
        return not self.pieces and not self._running


@pytest.fixture
def begun():
    def begin(*pieces, most=8):
        work = Work(most)
        work.pieces += pieces
        work.turns.begin()
        return work

    return begin


def test_one_thread_does_one_piece_after_the_other(begun):
    work = begun(*[lambda: None] * 50)
    wait_for(work.done)
    assert work.most_running == 1
    assert len(set(work.threads)) == 1


def test_who_passes_the_turn_on_finishes_beside_the_others(begun):
    go = threading.Event()

    def wait():
        work.turns.pass_on()
        assert not work.turns.is_mine
        assert go.wait(SOON)

    work = begun()
    work.pieces += [wait, lambda: None, go.set]
    wait_for(work.done)
    assert work.most_running == 2


def test_who_comes_back_goes_on_alone_where_it_was(begun):
    go, order = threading.Event(), []

    def wait():
        order.append("begins")
        work.turns.pass_on()
        assert go.wait(SOON)
        work.turns.come_back()
        assert work.turns.is_mine
        order.append("goes on")

    def other():
        go.set()
        time.sleep(0.05)  # in which who waited would go on, if it could
        order.append("other")

    work = begun()
    work.pieces += [wait, other, lambda: None]
    wait_for(work.done)
    assert order == ["begins", "other", "goes on"]


def come_back_after(event, work):
    work.turns.pass_on()
    assert event.wait(SOON)
    work.turns.come_back()


def test_what_is_urgent_goes_before_the_many_that_have_come_back(begun):
    go, order = threading.Event(), []

    def wait():
        come_back_after(go, work)
        order.append("back")
        work.turns.pass_on()  # and once more, so that no work ends in between
        work.turns.come_back()
        order.append("back")

    def release():
        go.set()
        time.sleep(0.1)
        work.urgent.append(lambda: order.append("urgent"))

    work = begun(most=40)
    work.pieces += [wait] * 30 + [release]
    wait_for(lambda: len(order) == 61)
    assert order.index("urgent") <= 1


def test_where_nothing_is_urgent_who_has_come_back_goes_before_new_work(begun):
    go, order = threading.Event(), []

    def wait():
        come_back_after(go, work)
        order.append("back")

    def release():
        go.set()
        time.sleep(0.1)

    work = begun(most=40)
    work.pieces += [wait] * 5 + [release, lambda: order.append("new")]
    wait_for(lambda: len(order) == 6)
    assert order == ["back"] * 5 + ["new"]


def test_long_work_gives_way_to_what_is_urgent_and_to_nothing_else(begun):
    order = []

    def long():
        for part in range(3):
            work.turns.give_way()
            assert work.turns.is_mine
            order.append(part)
            if part == 1:
                work.urgent.append(lambda: order.append("urgent"))

    work = begun()
    work.pieces += [long, lambda: order.append("new")]
    wait_for(lambda: len(order) == 5)
    assert order == [0, 1, "urgent", 2, "new"]


def test_who_has_no_turn_gives_way_to_nobody(begun):
    work = begun(lambda: time.sleep(5 * TICK))
    work.urgent.append(lambda: None)
    work.turns.give_way()


def test_where_no_thread_is_free_long_work_goes_on(begun):
    order = []

    def long():
        work.urgent.append(lambda: order.append("urgent"))
        work.turns.give_way()
        order.append("long")

    work = begun(most=1)
    work.pieces.append(long)
    wait_for(lambda: len(order) == 2)
    assert order == ["long", "urgent"]


def no_thread(_thread):
    raise RuntimeError("can't start new thread")


def test_where_the_system_gives_no_thread_who_has_come_back_goes_on(begun, monkeypatch):
    work = begun(most=2)

    def long():
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        work.urgent.append(lambda: order.append("urgent"))
        work.turns.give_way()
        order.append("long")

    order = []
    work.pieces.append(long)
    wait_for(lambda: len(order) == 2)
    assert order == ["long", "urgent"]


def test_a_shortage_of_threads_ends(begun, monkeypatch):
    """While it lasts, there may be as many as were made; of these a share is kept for reads."""
    monkeypatch.setattr(turns, "SHORTAGE", 0.2)
    go = threading.Event()
    work = begun(most=8)
    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", no_thread)
        work.pieces.append(lambda: come_back_after(go, work))
        wait_for(lambda: work.turns.most == 1)
        assert work.turns.free == 0
    wait_for(lambda: work.turns.most == 8)
    go.set()
    wait_for(work.done)
    go.clear()
    work.pieces += [lambda: come_back_after(go, work), go.set]
    wait_for(work.done)
    assert len(set(work.threads)) == 2


def test_a_worker_without_a_single_thread_does_not_begin(begun, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError, match="new thread"):
        begun()


def test_who_comes_back_to_a_turn_that_nobody_has_takes_it(begun):
    def wait():
        work.turns.pass_on()
        work.turns.come_back()
        assert work.turns.is_mine

    work = begun(most=1)
    work.pieces += [wait, lambda: None]
    wait_for(work.done)
    assert len(set(work.threads)) == 1


def test_a_thread_of_somebody_else_comes_back_at_once(begun):
    begun().turns.come_back()


def test_a_signal_brings_back_who_waits_for_it(begun):
    order = []

    def wait():
        order.append(signal.wait(SOON))
        assert work.turns.is_mine

    def give():
        order.append("given")
        signal.set()

    work = begun()
    signal = work.turns.signal()
    work.pieces += [wait, give]
    wait_for(work.done)
    assert order == ["given", True]


def test_a_signal_that_does_not_come_is_waited_for_no_longer_than_told(begun):
    got = []

    def wait():
        got.append(signal.wait(0.05))
        assert work.turns.is_mine
        got.append(signal.wait(0))

    work = begun()
    signal = work.turns.signal()
    work.pieces += [wait, lambda: None]
    wait_for(work.done)
    assert got == [False, False]
    signal.set()
    assert signal.wait(0)  # it has not been lost on who left


def test_a_thread_that_never_has_the_turn_may_wait_for_a_signal(begun):
    work = begun()
    signal = work.turns.signal()
    work.pieces.append(signal.set)
    assert signal.wait(SOON)
    assert not signal.wait(0.01)


def test_who_comes_back_first_goes_before_others_that_have_come_back(begun):
    go, order = threading.Event(), []

    def wait(first):
        work.turns.pass_on()
        assert go.wait(SOON)
        time.sleep(0.05 * first)
        work.turns.come_back(first=first)
        order.append(first)

    def release():
        go.set()
        time.sleep(0.2)

    work = begun()
    work.pieces += [lambda: wait(False), lambda: wait(False), lambda: wait(True), release]
    wait_for(work.done)
    assert order == [True, False, False]


def test_who_is_called_first_goes_before_others_that_wait(begun):
    order, signals = [], []

    def wait(number):
        signals[number].wait(SOON)
        order.append(number)

    def give():
        signals[0].set()
        signals[1].set()
        signals[2].set(first=True)

    work = begun()
    signals += [work.turns.signal() for _ in range(3)]
    work.pieces += [*(lambda number=number: wait(number) for number in range(3)), give]
    wait_for(work.done)
    assert order == [2, 0, 1]


def test_who_waits_for_a_socket_is_brought_back_when_there_is_something_to_read(begun):
    got = []

    def read():
        work.turns.until_readable("a socket", SOON)
        got.append(work.turns.is_mine)

    work = begun()
    work.pieces.append(read)
    wait_for(lambda: work.told)
    work.pieces.append(work.told["a socket"])
    wait_for(work.done)
    assert got == [True]


def test_where_all_threads_wait_for_sockets_the_watch_sees_what_comes(begun):
    work = begun(most=1)
    work.pieces.append(lambda: work.turns.until_readable("a socket", SOON))
    started = time.monotonic()
    wait_for(lambda: work.turns._holder is None)
    work.turns.watch(0.1)
    wait_for(work.done)
    assert time.monotonic() - started < SOON / 2


def test_a_socket_that_stays_silent_is_forgotten_in_time(begun):
    work = begun()
    work.pieces.append(lambda: work.turns.until_readable("a socket", 0.05))
    wait_for(lambda: work.told)
    wait_for(work.done)
    assert not work.told


def test_who_has_no_turn_passes_nothing_on(begun):
    work = begun()
    before = work.turns._holder
    work.turns.pass_on()
    assert work.turns._holder is before


def test_the_turn_is_taken_from_who_waits_without_a_word(begun):
    go = threading.Event()
    work = begun(lambda: go.wait(SOON), go.set)
    work.turns.watch(SOON)
    wait_for(work.done)
    assert go.is_set()
    assert len(set(work.threads)) == 2


def test_who_gets_on_keeps_the_turn(begun):
    work = begun(*[lambda: time.sleep(TICK / 4)] * 60)
    work.turns.watch(SOON)
    wait_for(work.done)
    assert len(set(work.threads)) <= 2  # on a busy machine one of them may look stuck


def test_a_watch_ends_when_nothing_happens(begun):
    begun().turns.watch(0.01)


def test_a_watch_that_waits_for_work_can_be_ended(begun):
    work = begun()
    threading.Timer(0.05, work.turns.stir).start()
    started = time.monotonic()
    work.turns.watch(SOON)
    assert time.monotonic() - started < SOON / 2


def test_a_watch_can_be_ended_any_number_of_times_from_where_it_runs(begun):
    """As a signal's handler does, which interrupts the main thread anywhere in its watch."""
    work = begun()
    for _ in range(3):
        work.turns.stir()
    started = time.monotonic()
    work.turns.watch(0.01)
    work.turns.stir()
    work.turns.stir()
    assert time.monotonic() - started < SOON / 2


def test_where_all_threads_wait_the_first_that_is_done_goes_on(begun):
    go = [threading.Event(), threading.Event()]

    def wait(event):
        work.turns.pass_on()
        assert event.wait(SOON)

    work = begun(most=2)
    work.pieces += [lambda: wait(go[0]), lambda: wait(go[1]), lambda: None]
    wait_for(lambda: work.turns._holder is None)
    assert len(work.pieces) == 1
    go[1].set()
    wait_for(lambda: not work.pieces)
    assert work.threads[2] is work.threads[1]
    go[0].set()
    wait_for(work.done)


def test_work_that_fails_is_told_and_the_next_is_done(begun, caplog):
    def fail():
        raise ZeroDivisionError

    work = begun(fail, lambda: None)
    wait_for(work.done)
    assert "the worker's loop failed" in caplog.text


@pytest.mark.parametrize("watched", [False, True])
def test_however_they_wait_one_has_the_turn_and_all_is_done(begun, watched):
    chance, done, inside = random.Random(7), [], []

    def piece():
        for _ in range(chance.randrange(4)):
            if watched and chance.random() < 0.2:
                time.sleep(2.5 * TICK)  # without a word
            work.turns.pass_on()
            time.sleep(chance.random() * TICK / 5)
            work.turns.come_back()
            inside.append(threading.current_thread())
            if not watched:  # or the turn may be taken just here
                assert inside == [threading.current_thread()]
                time.sleep(0)  # who else believed to have it would come in
            inside.pop()
        done.append(1)

    work = begun(most=12)
    work.pieces += [piece] * 400
    give_up = time.monotonic() + 30
    while len(done) < 400 and time.monotonic() < give_up:
        work.turns.watch(0.1) if watched else time.sleep(0.01)
    wait_for(work.done)
    assert len(done) == 400
