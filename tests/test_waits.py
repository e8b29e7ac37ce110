"""Where nobody serves, a wait is a wait."""

import socket
import threading

import pytest

from myapi import waits


def test_a_wait_is_a_wait():
    with waits.waiting():
        pass
    waits.pass_on()
    waits.come_back()
    waits.come_back(first=True)
    waits.give_way()


def test_a_signal_is_got_once():
    signal = waits.signal()
    assert not signal.wait(0)
    threading.Timer(0.01, signal.set).start()
    assert signal.wait(10)
    assert not signal.wait(0.01)


def test_a_signal_that_was_given_before_is_got_at_once():
    signal = waits.signal()
    signal.set(first=True)
    assert signal.wait(-1)


def test_a_read_waits_by_itself():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        waits.until_readable(ours, 10)  # though nothing comes


def test_who_serves_has_the_turn_again_though_a_wait_fails():
    class Turn:
        told = ()

        def pass_on(self):
            self.told += ("passed on",)

        def come_back(self, *, first):
            self.told += ("came back",)

    turn = Turn()
    waits.serve_by(turn)
    try:
        with pytest.raises(ZeroDivisionError), waits.waiting():
            raise ZeroDivisionError
    finally:
        waits.serve_by(None)
    assert turn.told == ("passed on", "came back")
