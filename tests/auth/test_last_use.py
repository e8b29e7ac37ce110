"""The last use of a session is recorded at its first use, then at most once an hour."""

import time

import pytest

from myapi.auth import last_use
from tests.auth.helpers import ago

pytestmark = pytest.mark.on_mysql

LAST_SEEN = "SELECT last_seen_at FROM sessions"


def test_last_use_is_recorded_at_first_use_then_hourly(sign_in, execute):
    phone = sign_in("alice")
    assert execute(LAST_SEEN) == [(None,)]
    phone.get("/api/me")
    first = execute(LAST_SEEN)
    assert first != [(None,)]
    phone.get("/api/me")
    assert execute(LAST_SEEN) == first, "within the hour nothing is written"
    execute("UPDATE sessions SET last_seen_at = :at", at=ago(hours=1, minutes=1))
    phone.get("/api/me")
    assert execute(LAST_SEEN)[0][0] >= first[0][0]


def test_first_use_is_recorded_even_while_later_uses_are_paused(sign_in, execute, monkeypatch):
    """Until its first use is recorded, a retried login can take a session over."""
    monkeypatch.setattr(last_use._Pause, "until", time.monotonic() + 60)
    phone = sign_in("alice")
    phone.get("/api/me")
    assert execute(LAST_SEEN) != [(None,)]
    execute("UPDATE sessions SET last_seen_at = :at", at=ago(hours=3))
    before = execute(LAST_SEEN)
    phone.get("/api/me")
    assert execute(LAST_SEEN) == before
