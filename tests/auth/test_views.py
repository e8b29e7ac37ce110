"""The routes of login, logout and sessions."""

import re
import time

import pytest

pytestmark = pytest.mark.on_mysql

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_login_returns_a_token_and_the_user(client):
    response = client.post("/api/auth/login", json={"code": "alice"})
    body = response.get_json()
    assert response.status_code == 200
    assert (body["code"], body["msg"]) == (0, "ok")
    assert set(body["data"]) == {"token", "expires_at", "user"}
    assert set(body["data"]["user"]) == {"id", "nickname", "avatar_url", "phone", "created_at"}
    assert TIME.fullmatch(body["data"]["expires_at"])
    assert response.headers["Cache-Control"] == "no-store"


def test_login_reuses_user_for_same_openid(sign_in):
    assert sign_in("alice").user["id"] == sign_in("alice").user["id"]
    assert sign_in("alice").user["id"] != sign_in("bob").user["id"]


def test_login_creates_a_session_of_its_own(sign_in):
    first, second = sign_in("alice"), sign_in("alice")
    assert first.token != second.token
    assert first.get("/api/me").status_code == second.get("/api/me").status_code == 200


def test_openid_and_session_key_are_in_no_response(client, sign_in, wechat):
    phone = sign_in("alice")
    openid = wechat.sandbox.openid("alice", "wxsandbox000000000")
    for path in ("/api/me", "/api/auth/sessions"):
        text = phone.get(path).text
        assert openid not in text
        assert "session_key" not in text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("bad-code", 400, "login_code_invalid"),
        ("blocked-user", 403, "wechat_blocked_user"),
    ],
)
def test_login_refused_by_wechat_has_a_named_error(client, code, status, error):
    response = client.post("/api/auth/login", json={"code": code})
    assert (response.status_code, response.get_json()["error"]) == (status, error)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("errcode", "status", "error"),
    [
        (41008, 400, "login_code_invalid"),
        (45011, 429, "rate_limited"),
        (40013, 500, "wechat_misconfigured"),
        (40125, 500, "wechat_misconfigured"),
        (40243, 500, "wechat_misconfigured"),
        (99999, 502, "wechat_unavailable"),
    ],
)
def test_login_maps_each_errcode_of_wechat_to_an_error(client, wechat, errcode, status, error):
    wechat.sandbox.set_fault(errcode, 1)
    response = client.post("/api/auth/login", json={"code": "alice"})
    assert (response.status_code, response.get_json()["error"]) == (status, error)
    if status == 429:
        assert int(response.headers["Retry-After"]) >= 1


def test_login_retries_once_when_wechat_is_busy(client, wechat):
    wechat.sandbox.set_fault("busy", 1)
    assert client.post("/api/auth/login", json={"code": "alice"}).status_code == 200


def test_login_fails_when_wechat_stays_busy(client, wechat):
    wechat.sandbox.set_fault("busy", 5)
    response = client.post("/api/auth/login", json={"code": "alice"})
    assert (response.status_code, response.get_json()["error"]) == (502, "wechat_unavailable")


def test_login_times_out_when_wechat_is_slow(make_app, wechat):
    wechat.sandbox.set_fault("slow", 1)
    client = make_app(wechat_timeout=0.2).test_client()
    response = client.post("/api/auth/login", json={"code": "alice"})
    assert (response.status_code, response.get_json()["error"]) == (504, "wechat_timeout")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": None},
        {"code": 7},
        {"code": True},
        {"code": ["alice"]},
        {"code": {}},
        {"code": ""},
        {"code": "   "},
        {"code": "a" * 257},
        {"code": "alice\n"},
        {"code": "al\tice"},
        {"code": "爱丽丝"},
        {"code": "a\x00"},
    ],
    ids=repr,
)
def test_login_refuses_an_invalid_code(client, execute, body):
    response = client.post("/api/auth/login", json=body)
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")
    assert execute("SELECT count(*) FROM users") == [(0,)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("code", ["a", "a" * 256, "a b", "~!{}"])
def test_login_accepts_printable_ascii_up_to_256(client, code):
    assert client.post("/api/auth/login", json={"code": code}).status_code == 200


def test_login_checks_the_length_of_a_code_before_its_pattern(client):
    """Matching the pattern would take a minute for a code of 60 KB."""
    started = time.process_time()
    response = client.post("/api/auth/login", json={"code": "a" * 60_000 + "\0"})
    assert response.get_json()["error"] == "invalid_request"
    assert time.process_time() - started < 1


def test_login_ignores_unknown_fields(client):
    assert client.post("/api/auth/login", json={"code": "alice", "x": [1]}).status_code == 200


def test_logout_ends_only_this_session_immediately(sign_in):
    here, there = sign_in("alice"), sign_in("alice")
    response = here.post("/api/auth/logout")
    assert response.get_json() == {"code": 0, "msg": "ok", "data": None}
    assert here.get("/api/me").get_json()["error"] == "session_ended"
    assert there.get("/api/me").status_code == 200


def test_logout_ignores_any_body(client, sign_in):
    phone = sign_in("alice")
    response = client.post(
        "/api/auth/logout",
        data=b"\xff{",
        headers={**phone.headers, "Content-Type": "application/json"},
    )
    assert response.status_code == 200


def test_sessions_lists_my_live_sessions_and_marks_the_current_one(sign_in):
    first, second = sign_in("alice"), sign_in("alice")
    sign_in("bob")
    second.post("/api/auth/logout")
    third = sign_in("alice")
    sessions = third.get("/api/auth/sessions").get_json()["data"]["sessions"]
    assert len(sessions) == 2
    assert [s["current"] for s in sessions].count(True) == 1
    keys = {"id", "created_at", "last_seen_at", "ip", "user_agent", "current"}
    assert all(set(s) == keys for s in sessions)
    assert all(s["ip"] == "127.0.0.1" for s in sessions)
    assert first.get("/api/me").status_code == 200


def test_sessions_lists_an_unused_session_without_last_seen_at(sign_in):
    sign_in("alice")
    listed = sign_in("alice").get("/api/auth/sessions").get_json()["data"]["sessions"]
    assert [s["last_seen_at"] is None for s in listed] == [False, True]


def test_end_session_ends_only_that_session(sign_in):
    here, there = sign_in("alice"), sign_in("alice")
    listed = here.get("/api/auth/sessions").get_json()["data"]["sessions"]
    other = next(s["id"] for s in listed if not s["current"])
    assert here.delete(f"/api/auth/sessions/{other}").status_code == 200
    assert there.get("/api/me").get_json()["error"] == "session_ended"
    assert here.get("/api/me").status_code == 200
    assert here.delete(f"/api/auth/sessions/{other}").status_code == 200, "again is no error"


def test_end_session_of_another_user_is_not_found(sign_in):
    alice, bob = sign_in("alice"), sign_in("bob")
    theirs = bob.get("/api/auth/sessions").get_json()["data"]["sessions"][0]["id"]
    mine = alice.get("/api/auth/sessions").get_json()["data"]["sessions"][0]["id"]
    for session_id in (theirs, "no-such-session", "0", mine.upper(), f"{mine}%20"):
        response = alice.delete(f"/api/auth/sessions/{session_id}")
        assert (response.status_code, response.get_json()["error"]) == (404, "not_found")
    assert alice.get("/api/me").status_code == bob.get("/api/me").status_code == 200


@pytest.mark.parametrize("invalid", ["%C3%A9", "%E4%B8%AD", "%00", "%F0%9F%98%80", "a" * 3000])
def test_end_session_with_an_invalid_id_is_not_found(sign_in, invalid):
    assert sign_in().delete(f"/api/auth/sessions/{invalid}").status_code == 404


def test_end_other_sessions_keeps_this_one(sign_in):
    others, here, bob = [sign_in("alice") for _ in range(3)], sign_in("alice"), sign_in("bob")
    assert here.delete("/api/auth/sessions").get_json()["data"] is None
    assert all(other.get("/api/me").status_code == 401 for other in others)
    assert here.get("/api/me").status_code == bob.get("/api/me").status_code == 200


def test_user_agent_is_stored_as_at_most_255_printable_ascii_characters(client, sign_in):
    agent = "微信\x7f" + "x" * 300
    client.post("/api/auth/login", json={"code": "alice"}, headers={"User-Agent": agent.encode()})
    listed = sign_in("alice").get("/api/auth/sessions").get_json()["data"]["sessions"]
    kept = next(s["user_agent"] for s in listed if s["user_agent"].endswith("x"))
    assert len(kept) == 255
    assert kept.isascii()
    assert kept.isprintable()
