"""Accounts: ban, erase, export."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from myapi.auth import authenticate, bans, sessions
from myapi.clock import now
from myapi.db.transactions import transaction
from myapi.users import accounts, erasure, export, profile
from myapi.web.errors import ApiError
from myapi.wechat import Login


def test_a_ban_ends_all_sessions_and_refuses_login_and_token_with_403(app, client, sign_in):
    phones = [sign_in("alice") for _ in range(2)]
    with app.app_context():
        assert bans.ban(accounts.find(phones[0].user["id"]).id) == 2
    for response in (
        phones[0].get("/api/me"),
        phones[1].get("/api/me"),
        client.post("/api/auth/login", json={"code": "alice"}),
    ):
        assert (response.status_code, response.get_json()["error"]) == (403, "user_banned")


def test_an_unban_revives_no_session_and_lets_log_in(app, sign_in):
    phone = sign_in("alice")
    with app.app_context():
        user = accounts.find(phone.user["id"])
        bans.ban(user.id)
        bans.unban(user.id)
    assert phone.get("/api/me").get_json()["error"] == "session_ended"
    assert sign_in("alice").user["id"] == phone.user["id"]


def test_the_ban_of_an_erased_user_stays(app, client, sign_in, execute):
    phone = sign_in("alice")
    with app.app_context():
        user = accounts.find(phone.user["id"])
        bans.ban(user.id)
        erasure.erase(user.id)
    assert execute("SELECT count(*) FROM users") == [(0,)]
    response = client.post("/api/auth/login", json={"code": "alice"})
    assert (response.status_code, response.get_json()["error"]) == (403, "user_banned")
    assert execute("SELECT count(*) FROM users") == [(0,)], "and no account is made"
    assert sign_in("bob").get("/api/me").status_code == 200


def test_a_ban_can_be_forgotten_with_the_user(app, sign_in):
    phone = sign_in("alice")
    with app.app_context():
        user = accounts.find(phone.user["id"])
        bans.ban(user.id)
        bans.erase_with_ban(user.id)
    assert sign_in("alice").user["id"] != phone.user["id"]


def test_nothing_is_left_of_an_erased_user_but_a_digest(app, sign_in, execute, wechat):
    phone = sign_in("alice")
    openid = wechat.sandbox.openid("alice", "wxsandbox000000000")
    with app.app_context():
        user = accounts.find(openid)
        bans.ban(user.id)
        erasure.erase(user.id)
    left = "".join(
        repr(execute(f"SELECT * FROM {table}"))
        for table in ("users", "sessions", "banned_openids", "data_keys")
    )
    assert openid not in left
    assert phone.user["id"] not in left


def test_bans_of_erased_users_are_void_but_logins_go_on_when_their_key_is_lost(
    app, sign_in, execute, caplog
):
    phone = sign_in("alice")
    with app.app_context():
        user = accounts.find(phone.user["id"])
        bans.ban(user.id)
        erasure.erase(user.id)
    execute("UPDATE data_keys SET sealed = :junk", junk=b"junk")
    assert sign_in("alice").get("/api/me").status_code == 200
    assert "have no effect" in caplog.text


def test_bans_set_while_a_key_was_lost_and_those_before_hold_once_it_is_put_back(make_app):
    old, new = "an-old-key-0123456789-0123456789-0", "a-new-key-0123456789-0123456789-0"
    openids = []
    for keys, name in (((old,), "alice"), ((new,), "bob"), ((old, new), "carol")):
        app = make_app(secret_keys=keys)
        client = app.test_client()
        user = client.post("/api/auth/login", json={"code": name}).get_json()["data"]["user"]
        with app.app_context():
            found = accounts.find(user["id"])
            bans.ban(found.id)
            erasure.erase(found.id)
        openids.append(found.openid)
    for name in ("alice", "bob", "carol"):
        assert client.post("/api/auth/login", json={"code": name}).status_code == 403
    with app.app_context():
        assert [bans.unban_erased(openid) for openid in [*openids, "nobody's"]] == [True] * 3 + [
            False
        ]
    for name in ("alice", "bob", "carol"):
        assert client.post("/api/auth/login", json={"code": name}).status_code == 200


def test_what_comes_late_for_an_erased_account_reaches_nobody_else(app, sign_in):
    """It passed the guard before the erasure, and has but numbers by which to find its rows."""
    alice = sign_in("alice")
    with app.app_context():
        found = authenticate.authenticate(alice.token)
        alice.delete("/api/me")
        bob = sign_in("bob")
        before = bob.get("/api/me").get_json()
        with pytest.raises(ApiError, match="session_ended"):
            profile.update_profile(found.user_id, {"nickname": "of alice"})
        sessions.log_out(found.session_id, found.session)
        sessions.revoke_of_user(found.user_id)
        erasure.erase(found.user_id)
    assert bob.get("/api/me").get_json() == before


def test_a_user_is_found_by_public_id_or_exact_openid(app, sign_in, wechat):
    phone = sign_in("alice")
    openid = wechat.sandbox.openid("alice", "wxsandbox000000000")
    with app.app_context():
        assert accounts.find(phone.user["id"]).openid == openid
        assert accounts.find(openid).public_id == phone.user["id"]
        assert accounts.find(openid.swapcase()) is None, "openids are told apart by case"
        assert accounts.find("nobody") is None
        assert accounts.find("爱丽丝") is None


def test_openids_that_differ_in_case_are_two_users(app, execute):
    with app.app_context():
        for openid in ("oABC", "oabc"):
            transaction(accounts.insert_user)(Login(openid, "A" * 24, None), now())
    assert execute("SELECT count(*) FROM users") == [(2,)]


def test_export_has_all_that_is_held_and_no_secret(app, sign_in, wechat):
    phone = sign_in("alice")
    phone.put("/api/me", {"nickname": "Alice"})
    with app.app_context():
        held = export.export(accounts.find(phone.user["id"]))
    assert held["nickname"] == "Alice"
    assert held["openid"] == wechat.sandbox.openid("alice", "wxsandbox000000000")
    assert len(held["sessions"]) == 1
    assert held["session_key_stored"] is True
    assert phone.token not in repr(held)


@pytest.mark.parametrize("use_case", [bans.ban, bans.unban])
def test_a_user_who_is_gone_is_not_found(app, use_case):
    with app.app_context(), pytest.raises(ApiError, match="not_found"):
        use_case(7)


def test_an_account_that_has_gone_meanwhile_is_erased_already(app):
    with app.app_context():
        erasure.erase(7)


def test_a_profile_change_of_a_user_erased_meanwhile_is_a_session_ended(app):
    with app.app_context(), pytest.raises(ApiError, match="session_ended"):
        profile.update_profile(7, {"nickname": "x"})


def test_events_are_logged_after_their_commit_with_public_ids(sign_in, caplog):
    phone = sign_in("alice")
    events = [r.event for r in caplog.records if r.name == "myapi.audit"]
    assert events == ["signup", "login"]
    assert all(r.user == phone.user["id"] for r in caplog.records if r.name == "myapi.audit")


def test_two_banned_users_erased_at_once_both_stay_banned(app, client, sign_in):
    """The first erasure of a banned user makes the key of all such digests."""
    ids = [sign_in(name).user["id"] for name in ("alice", "bob")]
    together = threading.Barrier(2)

    def erase(public_id):
        with app.app_context():
            user = accounts.find(public_id)
            bans.ban(user.id)
            together.wait()
            erasure.erase(user.id)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(erase, ids)) == [None, None]
    for name in ("alice", "bob"):
        assert client.post("/api/auth/login", json={"code": name}).status_code == 403
