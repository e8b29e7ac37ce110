"""The scenarios can fail: a promise that is broken is seen, whichever it is."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from tests.faults.account import file_of
from tests.faults.ledger import Ledger, State
from tests.faults.line import NO_ANSWER, WELL
from tests.faults.load import RECOVERY, WITHIN, Load
from tests.faults.people import HELLO, LOGIN, ME, Call


def test_what_is_lost_or_comes_back_is_found(on_sqlite):
    """Rows are changed that nobody may touch."""
    service = on_sqlite()
    with Load(service, "none") as phones, closing(sqlite3.connect(file_of(service))) as file, file:
        file.execute("DELETE FROM sessions WHERE ended_at IS NULL")
        file.execute("UPDATE sessions SET ended_at = NULL")
        file.execute("UPDATE users SET banned_at = NULL")
    for lost in ("was live, and is erased", "was ended, and is live", "was banned, and is live"):
        assert lost in " ".join(phones.lost)


@pytest.fixture
def quiet(tmp_path):
    """A load that nobody has begun, as if all had been well."""
    service = SimpleNamespace(port=9, folder=tmp_path, settings={"database_url": "sqlite://"})
    phones = Load(service, "none")
    phones.recovery = 0.0
    phones.kept_the_promise()
    return phones


@pytest.mark.parametrize(
    ("route", "seconds", "outcome"),
    [
        (ME, WITHIN + 0.1, WELL),
        (LOGIN, 4.1, WELL),  # WeChat has three
        (ME, 0, "service_unavailable"),
        (ME, 0, NO_ANSWER),
        (ME, 0, "HTTP 502"),
    ],
)
def test_an_answer_that_comes_late_or_was_not_expected_breaks_the_promise(
    quiet, route, seconds, outcome
):
    quiet._people.calls.append(Call(route, 0, seconds, outcome, ""))
    with pytest.raises(AssertionError):
        quiet.kept_the_promise(refused={"wechat_timeout"}, failed={"no JSON"})


def test_what_needs_nothing_may_not_be_refused_at_all(quiet):
    quiet._people.calls.append(Call(HELLO, 0, 0, "service_unavailable", ""))
    with pytest.raises(AssertionError):
        quiet.kept_the_promise(refused={"service_unavailable"})


@pytest.mark.parametrize("recovery", [None, RECOVERY + 0.1])
def test_a_late_recovery_breaks_the_promise_and_so_does_none(quiet, recovery):
    quiet.recovery = recovery
    with pytest.raises(AssertionError):
        quiet.kept_the_promise()


def test_what_was_acknowledged_can_only_be_answered_so():
    ledger = Ledger()
    login = ledger.open("alice", "id", "token")
    assert ledger.hear(login, WELL) == WELL
    assert ledger.change(State.ENDED, [login], WELL) == WELL
    assert ledger.hear(login, "session_ended") == WELL
    assert ledger.lost == []
    assert ledger.hear(login, "user_banned") == "user_banned"
    assert ledger.hear(login, WELL) == WELL
    assert len(ledger.lost) == 2


def test_what_was_not_answered_may_have_happened_and_does_not_come_back():
    ledger = Ledger()
    login = ledger.open("alice", "id", "token")
    assert ledger.change(State.ENDED, [login], NO_ANSWER) == NO_ANSWER
    for outcome in (WELL, "service_unavailable", WELL, "session_ended"):
        ledger.hear(login, outcome)
    assert ledger.lost == []
    ledger.hear(login, WELL)
    assert ledger.lost == ["alice was ended, and is answered well"]


def test_a_logout_that_finds_its_session_ended_by_nobody_has_lost_a_login():
    ledger = Ledger()
    login = ledger.open("alice", "id", "token")
    assert ledger.change(State.ENDED, [login], "session_ended") == "session_ended"
    assert ledger.lost == ["alice was live, and is answered session_ended"]
