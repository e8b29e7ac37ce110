"""Tests of the load itself: every kind of broken promise makes a scenario fail."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from tests.faults.account import database_file
from tests.faults.client import NO_ANSWER, OK
from tests.faults.ledger import Ledger, State
from tests.faults.load import MAX_LATENCY, MAX_RECOVERY, Load
from tests.faults.people import HELLO, LOGIN, ME, Call


def test_lost_and_undone_changes_are_found(on_sqlite):
    """Rows are changed directly in the database."""
    service = on_sqlite()
    with (
        Load(service, "none") as phones,
        closing(sqlite3.connect(database_file(service))) as file,
        file,
    ):
        file.execute("DELETE FROM sessions WHERE ended_at IS NULL")
        file.execute("UPDATE sessions SET ended_at = NULL")
        file.execute("UPDATE users SET banned_at = NULL")
    for lost in ("was live, and is erased", "was ended, and is live", "was banned, and is live"):
        assert lost in " ".join(phones.lost)


@pytest.fixture
def quiet(tmp_path):
    """A load that was not started, with no failures."""
    service = SimpleNamespace(port=9, folder=tmp_path, settings={"database_url": "sqlite://"})
    phones = Load(service, "none")
    phones.recovery = 0.0
    phones.assert_promise_kept()
    return phones


@pytest.mark.parametrize(
    ("route", "seconds", "outcome"),
    [
        (ME, MAX_LATENCY + 0.1, OK),
        (LOGIN, 4.1, OK),  # 3 s for WeChat and 1 s on top
        (ME, 0, "service_unavailable"),
        (ME, 0, NO_ANSWER),
        (ME, 0, "HTTP 502"),
    ],
)
def test_late_or_unexpected_answer_breaks_the_promise(quiet, route, seconds, outcome):
    quiet._people.calls.append(Call(route, 0, seconds, outcome, ""))
    with pytest.raises(AssertionError):
        quiet.assert_promise_kept(refused={"wechat_timeout"}, failed={"no JSON"})


def test_refused_hello_breaks_the_promise(quiet):
    quiet._people.calls.append(Call(HELLO, 0, 0, "service_unavailable", ""))
    with pytest.raises(AssertionError):
        quiet.assert_promise_kept(refused={"service_unavailable"})


@pytest.mark.parametrize("recovery", [None, MAX_RECOVERY + 0.1])
def test_late_or_missing_recovery_breaks_the_promise(quiet, recovery):
    quiet.recovery = recovery
    with pytest.raises(AssertionError):
        quiet.assert_promise_kept()


def test_acknowledged_change_allows_only_its_answer():
    ledger = Ledger()
    login = ledger.record_login("alice", "id", "token")
    assert ledger.record_answer(login, OK) == OK
    assert ledger.record_change(State.ENDED, [login], OK) == OK
    assert ledger.record_answer(login, "session_ended") == OK
    assert ledger.lost == []
    assert ledger.record_answer(login, "user_banned") == "user_banned"
    assert ledger.record_answer(login, OK) == OK
    assert len(ledger.lost) == 2


def test_unanswered_change_may_have_happened_and_is_not_undone():
    ledger = Ledger()
    login = ledger.record_login("alice", "id", "token")
    assert ledger.record_change(State.ENDED, [login], NO_ANSWER) == NO_ANSWER
    for outcome in (OK, "service_unavailable", OK, "session_ended"):
        ledger.record_answer(login, outcome)
    assert ledger.lost == []
    ledger.record_answer(login, OK)
    assert ledger.lost == ["alice was ended, and is answered ok"]


def test_logout_of_an_ended_live_session_is_a_loss():
    ledger = Ledger()
    login = ledger.record_login("alice", "id", "token")
    assert ledger.record_change(State.ENDED, [login], "session_ended") == "session_ended"
    assert ledger.lost == ["alice was live, and is answered session_ended"]
