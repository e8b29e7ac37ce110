"""Places for those who wait for a database, and whether it answers them."""

import threading
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy.exc

from myapi.db import pulse
from myapi.db.pulse import SILENCE, Pulse

Refused = sqlalchemy.exc.TimeoutError


class Clock:
    """Stands still unless it is told to go on."""

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pulse, "time", clock)
    return clock


@contextmanager
def somebody_in(places):
    """Let another thread wait in there for an answer; it gets it in the end, or when told."""
    entered, answered = threading.Event(), threading.Event()

    def wait():
        with places:
            entered.set()
            answered.wait(30)

    thread = threading.Thread(target=wait)
    thread.start()
    entered.wait(30)
    yield answered
    answered.set()
    thread.join()


def enter(places):
    with places:
        pass


def fail_in(places):
    with suppress(sqlalchemy.exc.OperationalError), places:
        raise sqlalchemy.exc.OperationalError("SELECT 1", None, Exception())


def test_who_finds_a_place_free_enters():
    places = Pulse(2, wait=0)
    with somebody_in(places):
        enter(places)


def test_who_finds_none_waits_for_one():
    places = Pulse(1, wait=30)
    with somebody_in(places) as answered:
        threading.Timer(0.05, answered.set).start()
        enter(places)


def test_who_has_waited_in_vain_is_refused():
    places = Pulse(1, wait=30)
    with somebody_in(places), pytest.raises(Refused, match="too many"):
        enter(places.within(0))


def test_who_comes_after_a_silence_is_refused_where_no_place_is_free(clock):
    places = Pulse(1, wait=30)
    with somebody_in(places):
        clock.now += 2 * SILENCE
        with pytest.raises(Refused, match="does not answer"):
            enter(places)
    enter(places)


def test_a_failure_after_a_silence_lets_one_at_a_time_try_until_there_is_an_answer(clock):
    places = Pulse(3, wait=30)
    with somebody_in(places):
        clock.now += 2 * SILENCE
        fail_in(places)
        with pytest.raises(Refused, match="does not answer"):
            enter(places)
    with somebody_in(places):  # the former one got its answer
        enter(places)


def test_a_failure_soon_after_an_answer_means_nothing(clock):
    places = Pulse(3, wait=30)
    with somebody_in(places):
        clock.now += 2 * SILENCE
        enter(places)
        fail_in(places)
        enter(places)


def test_an_error_that_is_not_of_the_database_is_an_answer(clock):
    places = Pulse(3, wait=30)
    with somebody_in(places):
        clock.now += 2 * SILENCE
        with suppress(KeyError), places.within(0):
            raise KeyError
        fail_in(places)
        enter(places)
