"""A session is live until it is ended, unused for too long, or too old."""

from datetime import timedelta

import pytest

from myapi.clock import now
from tests.auth.helpers import ago

pytestmark = pytest.mark.on_mysql


def test_session_ends_after_idle_days(sign_in, execute):
    phone = sign_in("alice")
    execute("UPDATE sessions SET created_at = :at, last_seen_at = :at", at=ago(days=6, hours=23))
    assert phone.get("/api/me").status_code == 200
    execute("UPDATE sessions SET created_at = :at, last_seen_at = :at", at=ago(days=7, hours=1))
    assert phone.get("/api/me").get_json()["error"] == "session_ended"


def test_unused_session_is_idle_since_its_creation(sign_in, execute):
    phone = sign_in("alice")
    execute("UPDATE sessions SET created_at = :at", at=ago(days=7, hours=1))
    assert phone.get("/api/me").get_json()["error"] == "session_ended"


def test_session_ends_after_max_days_even_if_in_use(sign_in, execute):
    phone = sign_in("alice")
    execute(
        "UPDATE sessions SET created_at = :at, last_seen_at = :seen",
        at=ago(days=30, hours=1),
        seen=ago(minutes=1),
    )
    assert phone.get("/api/me").get_json()["error"] == "session_ended"


def test_expires_at_is_max_days_after_login(client):
    data = client.post("/api/auth/login", json={"code": "alice"}).get_json()["data"]
    expected = now() + timedelta(days=30)
    assert data["expires_at"][:13] in {
        f"{expected + timedelta(seconds=s):%Y-%m-%dT%H}" for s in (-5, 0)
    }
