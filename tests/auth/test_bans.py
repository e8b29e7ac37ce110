"""Bans of users, and of erased accounts."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from myapi.auth import bans
from myapi.users import accounts, erasure
from myapi.web.errors import ApiError
from tests.auth.helpers import ban, ban_and_erase, log_in

pytestmark = pytest.mark.on_mysql


def test_ban_ends_all_sessions_and_refuses_tokens_and_logins(app, sign_in):
    phones = [sign_in("alice") for _ in range(2)]
    assert ban(app, phones[0].user["id"]) == 2
    for response in (phones[0].get("/api/me"), phones[1].get("/api/me"), log_in(app, "alice")):
        assert (response.status_code, response.get_json()["error"]) == (403, "user_banned")


def test_unban_allows_logins_but_revives_no_session(app, sign_in):
    phone = sign_in("alice")
    with app.app_context():
        user = accounts.find(phone.user["id"])
        bans.ban(user.id)
        bans.unban(user.id)
    assert phone.get("/api/me").get_json()["error"] == "session_ended"
    assert sign_in("alice").user["id"] == phone.user["id"]


@pytest.mark.parametrize("use_case", [bans.ban, bans.unban])
def test_ban_or_unban_of_an_unknown_user_is_not_found(app, use_case):
    with app.app_context(), pytest.raises(ApiError, match="not_found"):
        use_case(7)


def test_erased_user_stays_banned(app, sign_in, execute):
    ban_and_erase(app, sign_in("alice").user["id"])
    assert execute("SELECT count(*) FROM users") == [(0,)]
    response = log_in(app, "alice")
    assert (response.status_code, response.get_json()["error"]) == (403, "user_banned")
    assert execute("SELECT count(*) FROM users") == [(0,)], "the refused login creates no account"
    assert sign_in("bob").get("/api/me").status_code == 200


def test_erase_with_ban_lets_the_person_sign_up_again(app, sign_in):
    phone = sign_in("alice")
    with app.app_context():
        user = accounts.find(phone.user["id"])
        bans.ban(user.id)
        bans.erase_with_ban(user.id)
    assert sign_in("alice").user["id"] != phone.user["id"]


def test_ban_of_an_erased_user_is_stored_only_as_a_digest(app, sign_in, execute, wechat):
    phone = sign_in("alice")
    openid = wechat.sandbox.openid("alice", "wxsandbox000000000")
    ban_and_erase(app, phone.user["id"])
    left = "".join(
        repr(execute(f"SELECT * FROM {table}"))
        for table in ("users", "sessions", "banned_openids", "data_keys")
    )
    assert openid not in left
    assert phone.user["id"] not in left


def test_losing_the_key_voids_bans_of_erased_users_but_refuses_no_login(
    app, sign_in, execute, caplog
):
    ban_and_erase(app, sign_in("alice").user["id"])
    execute("UPDATE data_keys SET sealed = :junk", junk=b"junk")
    assert sign_in("alice").get("/api/me").status_code == 200
    assert "have no effect" in caplog.text


def test_bans_before_and_after_the_loss_of_a_key_apply_once_it_is_restored(make_app):
    old, new = "an-old-key-0123456789-0123456789-0", "a-new-key-0123456789-0123456789-0"
    names, openids = ("alice", "bob", "carol"), []
    for keys, name in zip(((old,), (new,), (old, new)), names, strict=True):
        app = make_app(secret_keys=keys)
        user = log_in(app, name).get_json()["data"]["user"]
        with app.app_context():
            openids.append(accounts.find(user["id"]).openid)
        ban_and_erase(app, user["id"])
    for name in names:
        assert log_in(app, name).status_code == 403
    with app.app_context():
        lifted = [bans.unban_erased(openid) for openid in [*openids, "unknown"]]
    assert lifted == [True, True, True, False]
    for name in names:
        assert log_in(app, name).status_code == 200


def test_two_banned_users_erased_at_once_both_stay_banned(app, sign_in):
    """The first erasure of a banned user creates the key of all such digests."""
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
        assert log_in(app, name).status_code == 403
