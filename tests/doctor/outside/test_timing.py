"""The clock, and how long a call takes."""

import email.utils
import re
import time

import pytest

from doctor.outside import timing
from tests.doctor.example import Replayed
from tests.tls import Peer, answering, read_request


@pytest.mark.parametrize(
    ("ahead", "status"),
    [(0, "ok"), (-120, "warn"), (120, "warn"), (-3600, "fail"), (86400, "fail")],
)
def test_wrong_clock_warns_or_fails(look, pair, ahead, status):
    date = email.utils.formatdate(time.time() + ahead, usegmt=True)
    with Peer(answering(Date=date), pair) as peer:
        results = look(peer, only=["clock"])
    assert results["clock"].status == status
    if ahead:
        assert re.search(
            rf"the server differs from this computer by \{'+' if ahead > 0 else '-'}\d+ s",
            results["clock"].evidence.en,
        )


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT", "9" * 500])
def test_unreadable_date_is_skipped(look, pair, date):
    with Peer(answering(Date=date), pair) as peer:
        assert look(peer, only=["clock"])["clock"].status == "skip"


@pytest.mark.parametrize(("seconds", "status"), [(0, "ok"), (1.6, "warn"), (3.1, "fail")])
def test_slow_responses_warn_or_fail(look, pair, monkeypatch, seconds, status):
    monkeypatch.setattr(timing, "SLOW", 1.5)
    monkeypatch.setattr(timing, "VERY_SLOW", 3.0)

    def behave(connection):
        read_request(connection)
        time.sleep(seconds)
        answering()(Replayed(connection))

    with Peer(behave, pair) as peer:
        assert look(peer, only=["latency"])["latency"].status == status
