"""The look-up that runs with every call: others go on while a database far away answers."""

import time

import pytest
from sqlalchemy import bindparam, select

from myapi import waits
from myapi.db import prepared
from myapi.db.prepared import FAR, SOME, Pace, Prepared
from myapi.users.models import User

FIND = select(User.id).where(User.public_id == bindparam("of"))


class Turn:
    """Notes what is done with it."""

    def __init__(self):
        self.told = []

    def pass_on(self):
        self.told.append("passed on")

    def come_back(self, *, first=False):
        self.told.append("came back")


@pytest.fixture
def turn(app):
    turn = Turn()
    waits.serve_by(turn)
    with app.app_context():
        yield turn
    waits.serve_by(None)


@pytest.fixture
def far(monkeypatch):
    """A database whose answers take their time."""
    first = prepared._first

    def slow(*args):
        time.sleep(2 * FAR)
        return first(*args)

    monkeypatch.setattr(prepared, "_first", slow)


def test_others_go_on_while_a_database_far_away_answers(turn, far):
    find = Prepared(FIND)
    for _ in range(SOME + 1):
        assert find.first({"of": "nobody"}) is None
    assert turn.told == ["passed on", "came back"]


def test_the_turn_comes_back_when_the_database_fails(turn, far, monkeypatch):
    find = Prepared(FIND)
    for _ in range(SOME):
        find.first({"of": "nobody"})

    def fail(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr(prepared, "_first", fail)
    with pytest.raises(ZeroDivisionError):
        find.first({"of": "nobody"})
    assert turn.told == ["passed on", "came back"]


def test_nobody_is_told_where_a_busy_machine_holds_up_most_answers():
    pace = Pace()
    for _ in range(3):
        for _ in range(SOME - 1):
            pace.note(100 * FAR)
        pace.note(FAR / 2)
    assert not pace.is_far


def test_a_database_that_has_come_nearer_is_waited_for():
    pace = Pace()
    for seconds in [2 * FAR] * SOME + [FAR / 2] * SOME:
        pace.note(seconds)
    assert not pace.is_far
