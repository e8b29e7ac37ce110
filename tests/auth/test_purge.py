"""The purge deletes sessions that are no longer live."""

import pytest

from myapi.auth.purge import purge_batch
from tests.auth.helpers import ago, ban

pytestmark = pytest.mark.on_mysql


def test_purge_deletes_only_sessions_that_are_not_live(app, sign_in, execute):
    ended, idle, live = (sign_in("alice") for _ in range(3))
    ended.post("/api/auth/logout")
    idle_id = idle.get("/api/auth/sessions").get_json()["data"]["sessions"][0]["id"]
    execute(
        "UPDATE sessions SET last_seen_at = :at WHERE public_id = :id", at=ago(days=8), id=idle_id
    )
    with app.app_context():
        deleted, cursor = purge_batch()
        assert deleted == 2
        assert purge_batch(cursor) == (0, None)
    assert live.get("/api/me").status_code == 200
    assert ended.get("/api/me").get_json()["error"] == "session_ended"


def test_purge_keeps_the_sessions_of_banned_users(app, sign_in):
    phone = sign_in("alice")
    ban(app, phone.user["id"])
    with app.app_context():
        assert purge_batch()[0] == 0
    assert phone.get("/api/me").get_json()["error"] == "user_banned"
