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


def test_purge_keeps_the_sessions_of_another_mini_program(app, make_app, sign_in, execute):
    """On the same database its sessions may live longer, by its own settings."""
    patient = make_app(wechat_appid="wx-patient", wechat_secret="s" * 32, session_idle_days=20)
    phone, stranger = sign_in("alice"), sign_in("alice", via=patient.test_client())
    execute("UPDATE sessions SET created_at = :at", at=ago(days=10))
    with app.app_context():
        assert purge_batch()[0] == 1
    assert phone.get("/api/me").status_code == 401
    assert stranger.get("/api/me").status_code == 200


def test_purge_keeps_the_sessions_of_banned_users(app, sign_in):
    phone = sign_in("alice")
    ban(app, phone.user["id"])
    with app.app_context():
        assert purge_batch()[0] == 0
    assert phone.get("/api/me").get_json()["error"] == "user_banned"
