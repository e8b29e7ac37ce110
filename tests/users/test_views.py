"""The routes of the caller's own account."""

import time

import pytest

pytestmark = pytest.mark.on_mysql


def test_me_shows_my_profile(sign_in):
    phone = sign_in("alice")
    assert phone.get("/api/me").get_json()["data"] == phone.user


def test_profile_update_changes_only_the_given_fields(sign_in):
    phone = sign_in("alice")
    url = "https://example.com/a.png"
    phone.put("/api/me", {"nickname": "爱丽丝 😀", "avatar_url": url})
    changed = phone.put("/api/me", {"nickname": "Alice"}).get_json()["data"]
    assert (changed["nickname"], changed["avatar_url"]) == ("Alice", url)
    assert phone.get("/api/me").get_json()["data"] == changed


def test_profile_update_with_null_clears_a_field(sign_in):
    phone = sign_in("alice")
    phone.put("/api/me", {"nickname": "Alice"})
    assert phone.put("/api/me", {"nickname": None}).get_json()["data"]["nickname"] is None


def test_profile_update_changes_no_other_column(sign_in, execute):
    phone, other = sign_in("alice"), sign_in("bob")
    before = execute("SELECT * FROM users ORDER BY id")
    for name in ("id", "public_id", "openid", "unionid", "appid", "created_at", "banned_at"):
        body = {name: other.user["id"], "nickname": None}
        assert phone.put("/api/me", body).status_code == 200
    assert execute("SELECT * FROM users ORDER BY id") == before


def test_profile_is_kept_when_the_session_ends(sign_in):
    sign_in("alice").put("/api/me", {"nickname": "Alice"})
    assert sign_in("alice").user["nickname"] == "Alice"


@pytest.mark.parametrize("nickname", ["x" * 32, "😀" * 32])
def test_nickname_of_32_characters_is_accepted(sign_in, nickname):
    response = sign_in("alice").put("/api/me", {"nickname": nickname})
    assert response.get_json()["data"]["nickname"] == nickname


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "body",
    [
        {"nickname": "x" * 33},
        {"nickname": 7},
        {"nickname": "a\nb"},
        {"nickname": "a\x1b[2J"},
        {"avatar_url": "http://example.com/a.png"},
        {"avatar_url": "https://"},
        {"avatar_url": "https://exa mple.com"},
        {"avatar_url": "https://user:pw@example.com/"},
        {"avatar_url": "https://[::1"},
        {"avatar_url": "https://e.com/" + "a" * 512},
        {"avatar_url": "javascript:alert(1)"},
        {"avatar_url": ["https://example.com"]},
        [],
        "text",
    ],
    ids=lambda body: repr(body)[:40],
)
def test_profile_update_refuses_an_invalid_body(sign_in, body):
    phone = sign_in("alice")
    response = phone.client.put("/api/me", headers=phone.headers, json=body)
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")
    assert phone.get("/api/me").get_json()["data"]["nickname"] is None


def test_erase_removes_the_account_and_all_its_sessions(sign_in, execute):
    phones = [sign_in("alice") for _ in range(3)]
    assert phones[0].delete("/api/me").status_code == 200
    assert all(p.get("/api/me").get_json()["error"] == "session_ended" for p in phones)
    assert execute("SELECT count(*) FROM users") == execute("SELECT count(*) FROM sessions")
    assert execute("SELECT count(*) FROM users") == [(0,)]


def test_erase_sent_twice_does_not_recreate_the_account(sign_in, execute):
    phone = sign_in("alice")
    phone.delete("/api/me")
    assert phone.delete("/api/me").status_code == 401
    assert execute("SELECT count(*) FROM users") == [(0,)]


def test_login_after_erasure_creates_a_new_account(sign_in):
    phone = sign_in("alice")
    phone.delete("/api/me")
    assert sign_in("alice").user["id"] != phone.user["id"]


def test_decrypt_returns_the_decrypted_object(sign_in, wechat):
    phone = sign_in("alice")
    sealed = wechat.sandbox.encrypt("alice", {"openGId": "g1", "名": "值"})
    response = phone.post(
        "/api/me/decrypt", {"encryptedData": sealed["encryptedData"], "iv": sealed["iv"]}
    )
    data = response.get_json()["data"]
    assert (data["openGId"], data["名"]) == ("g1", "值")
    assert data["watermark"]["appid"] == "wxsandbox000000000"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_decrypt_checks_the_signature_of_raw_data(sign_in, wechat):
    phone = sign_in("alice")
    sealed = wechat.sandbox.encrypt("alice", {"nickName": "Band"})
    assert phone.post("/api/me/decrypt", sealed).status_code == 200
    for forged in ({"rawData": sealed["rawData"] + " "}, {"signature": "0" * 40}):
        response = phone.post("/api/me/decrypt", {**sealed, **forged})
        assert response.get_json()["error"] == "decrypt_failed"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "invalid",
    [
        {"rawData": "{}"},
        {"signature": "0" * 40},
        {"rawData": "{}", "signature": "签名"},
        {"iv": 7, "encryptedData": "AAAA"},
        {"iv": "", "encryptedData": "AAAA"},
        {"iv": "AAAA"},
    ],
)
def test_decrypt_refuses_an_invalid_body(sign_in, invalid):
    base = {} if "iv" in invalid else {"encryptedData": "AAAA", "iv": "AAAA"}
    response = sign_in("alice").post("/api/me/decrypt", {**base, **invalid})
    assert response.get_json()["error"] == "invalid_request"


def test_decrypt_with_an_older_session_key_fails(sign_in, wechat):
    """Each login in the sandbox makes a new session_key, and only the newest is valid."""
    phone = sign_in("alice")
    sealed = wechat.sandbox.encrypt("alice", {"a": 1})
    sign_in("alice")
    response = phone.post("/api/me/decrypt", sealed)
    assert (response.status_code, response.get_json()["error"]) == (400, "decrypt_failed")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_decrypt_gives_every_cause_of_failure_the_same_response(sign_in, wechat):
    phone = sign_in("alice")
    old = {"watermark": {"appid": "wxsandbox000000000", "timestamp": int(time.time()) - 400}}
    future = {"watermark": {"appid": "wxsandbox000000000", "timestamp": int(time.time()) + 400}}
    other = {"watermark": {"appid": "wx-another-app", "timestamp": int(time.time())}}
    bodies = [wechat.sandbox.encrypt("alice", data) for data in (old, future, other)]
    bodies += [{"encryptedData": "A" * 24, "iv": "A" * 24}, {"encryptedData": "%", "iv": "%"}]
    answers = []
    for body in bodies:
        fields = {"encryptedData": body["encryptedData"], "iv": body["iv"]}
        response = phone.post("/api/me/decrypt", fields)
        answers.append((response.status_code, {**response.get_json(), "request_id": ""}))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][1]["error"] == "decrypt_failed"


def test_decrypt_without_a_session_key_is_session_key_missing(sign_in, execute):
    phone = sign_in("alice")
    execute("UPDATE users SET session_key = NULL")
    response = phone.post("/api/me/decrypt", {"encryptedData": "AAAA", "iv": "AAAA"})
    assert (response.status_code, response.get_json()["error"]) == (409, "session_key_missing")


def test_decrypt_treats_an_unreadable_session_key_as_missing(sign_in, execute):
    phone = sign_in("alice")
    execute("UPDATE users SET session_key = :junk", junk=b"junk")
    response = phone.post("/api/me/decrypt", {"encryptedData": "AAAA", "iv": "AAAA"})
    assert response.get_json()["error"] == "session_key_missing"
