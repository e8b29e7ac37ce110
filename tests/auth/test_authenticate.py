"""A token is valid only at an app of the AppID that issued it.

Here two mini programs share a database and the keys, so the signatures are valid at both.
"""

import pytest

from tests.auth.helpers import ban, ban_and_erase, log_in

CALLS = [
    ("GET", "/api/me", None),
    ("PUT", "/api/me", {"nickname": "of the other"}),
    ("DELETE", "/api/me", None),
    ("POST", "/api/me/decrypt", {}),
    ("GET", "/api/auth/sessions", None),
    ("DELETE", "/api/auth/sessions", None),
    ("DELETE", "/api/auth/sessions/{session}", None),
    ("POST", "/api/auth/logout", None),
]

pytestmark = pytest.mark.on_mysql


@pytest.fixture
def other(make_app):
    """The app of the second mini program; `app` is that of the first."""
    return make_app(wechat_appid="wx1111111111111111", wechat_secret="s" * 32)


def session_of(phone):
    return phone.get("/api/auth/sessions").get_json()["data"]["sessions"][0]["id"]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_token_of_another_appid_is_session_ended_and_changes_nothing(
    other, sign_in, execute, method, path, body
):
    def rows():
        return [execute(f"SELECT * FROM {table} ORDER BY id") for table in ("users", "sessions")]

    sign_in("alice")  # a second device, which `DELETE /api/auth/sessions` would log out
    phone = sign_in("alice")
    path, before = path.format(session=session_of(phone)), rows()
    response = other.test_client().open(path, method=method, headers=phone.headers, json=body)
    assert (response.status_code, response.get_json()["error"]) == (401, "session_ended")
    assert rows() == before
    assert phone.get("/api/me").status_code == 200


def test_token_of_a_user_who_is_banned_at_another_appid_is_session_ended(app, other, sign_in):
    phone = sign_in("alice")
    ban(app, phone.user["id"])
    response = other.test_client().get("/api/me", headers=phone.headers)
    assert (response.status_code, response.get_json()["error"]) == (401, "session_ended")
    assert phone.get("/api/me").get_json()["error"] == "user_banned"


def test_user_of_one_appid_ends_no_session_of_another(other, sign_in):
    phone, stranger = sign_in("alice"), sign_in("alice", via=other.test_client())
    response = stranger.delete(f"/api/auth/sessions/{session_of(phone)}")
    assert (response.status_code, response.get_json()["error"]) == (404, "not_found")
    assert stranger.delete("/api/auth/sessions").status_code == 200
    assert stranger.delete("/api/me").status_code == 200
    assert phone.get("/api/me").status_code == 200


@pytest.mark.parametrize("refuse", [ban, ban_and_erase])
def test_person_who_is_banned_at_one_appid_can_use_another(app, other, sign_in, refuse):
    refuse(app, sign_in("alice").user["id"])
    assert log_in(app, "alice").status_code == 403
    assert log_in(other, "alice").status_code == 200
