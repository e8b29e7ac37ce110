"""Sessions: how long they live, how many there are, and what a resent login gets."""

import contextlib
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from myapi.auth import bans, last_use, login, retried_login
from myapi.auth.purge import purge_batch
from myapi.clock import now
from myapi.users import accounts
from myapi.wechat import Login

KEY = "AAAAAAAAAAAAAAAAAAAAAA=="


def past(**ago):
    return (now() - timedelta(**ago)).replace(tzinfo=None)


def test_a_session_ends_after_idle_days(sign_in, execute):
    phone = sign_in("alice")
    execute("UPDATE sessions SET created_at = :at, last_seen_at = :at", at=past(days=6, hours=23))
    assert phone.get("/api/me").status_code == 200
    execute("UPDATE sessions SET created_at = :at, last_seen_at = :at", at=past(days=7, hours=1))
    assert phone.get("/api/me").get_json()["error"] == "session_ended"


def test_a_session_that_was_never_used_is_idle_from_its_start(sign_in, execute):
    phone = sign_in("alice")
    execute("UPDATE sessions SET created_at = :at", at=past(days=7, hours=1))
    assert phone.get("/api/me").get_json()["error"] == "session_ended"


def test_a_session_ends_after_max_days_however_much_it_is_used(sign_in, execute):
    phone = sign_in("alice")
    execute(
        "UPDATE sessions SET created_at = :at, last_seen_at = :seen",
        at=past(days=30, hours=1),
        seen=past(minutes=1),
    )
    assert phone.get("/api/me").get_json()["error"] == "session_ended"


def test_expires_at_is_the_end_that_no_use_delays(client):
    data = client.post("/api/auth/login", json={"code": "alice"}).get_json()["data"]
    expected = now() + timedelta(days=30)
    assert data["expires_at"][:13] in {
        f"{expected + timedelta(seconds=s):%Y-%m-%dT%H}" for s in (-5, 0)
    }


def test_last_use_is_noted_at_the_first_use_and_then_hourly(sign_in, execute):
    phone = sign_in("alice")
    seen = "SELECT last_seen_at FROM sessions"
    assert execute(seen) == [(None,)]
    phone.get("/api/me")
    first = execute(seen)
    assert first != [(None,)]
    phone.get("/api/me")
    assert execute(seen) == first, "within the hour nothing is written"
    execute("UPDATE sessions SET last_seen_at = :at", at=past(hours=1, minutes=1))
    phone.get("/api/me")
    assert execute(seen)[0][0] >= first[0][0]


def test_a_first_use_is_noted_even_where_later_ones_are_not_for_a_while(
    sign_in, execute, monkeypatch
):
    """An unused session is open to whoever has its code; a later use is nothing but a date."""
    monkeypatch.setattr(last_use._Pause, "until", time.monotonic() + 60)
    phone = sign_in("alice")
    phone.get("/api/me")
    assert execute("SELECT last_seen_at FROM sessions") != [(None,)]
    execute("UPDATE sessions SET last_seen_at = :at", at=past(hours=3))
    before = execute("SELECT last_seen_at FROM sessions")
    phone.get("/api/me")
    assert execute("SELECT last_seen_at FROM sessions") == before


def test_a_login_over_the_cap_ends_the_longest_unused(make_app, sign_in, execute):
    client = make_app(sessions_per_user=3).test_client()
    phones = [sign_in("alice", via=client) for _ in range(3)]
    for hours, phone in zip((3, 9, 5), phones, strict=True):
        phone.get("/api/me")
        execute(
            "UPDATE sessions SET last_seen_at = :at WHERE last_seen_at > :recent",
            at=past(hours=hours),
            recent=past(hours=1),
        )
    newest = sign_in("alice", via=client)
    alive = [p.get("/api/me").status_code == 200 for p in (*phones, newest)]
    assert alive == [True, False, True, True]


def test_the_cap_counts_live_sessions_of_this_user_alone(make_app, sign_in):
    client = make_app(sessions_per_user=1).test_client()
    bob = sign_in("bob", via=client)
    alice = sign_in("alice", via=client)
    assert bob.get("/api/me").status_code == alice.get("/api/me").status_code == 200


def test_concurrent_logins_never_exceed_the_cap(make_app, execute):
    app = make_app(sessions_per_user=3)
    with ThreadPoolExecutor(16) as pool:
        codes = pool.map(lambda _: _login(app, "alice").status_code, range(48))
        assert set(codes) <= {200, 503}
    assert execute("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(3,)]


def test_two_first_logins_that_both_find_nobody_make_one_user(app, execute, monkeypatch):
    both, make_id = threading.Barrier(2), secrets.token_hex

    def meet_then_make_id(length):  # between the look and the insert; on SQLite they never meet
        if length == 12:  # a user's, and after it a session's
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(1)
            both.abort()
        return make_id(length)

    monkeypatch.setattr("myapi.users.accounts.secrets.token_hex", meet_then_make_id)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: _login(app, "alice"), range(2)))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.json["data"]["user"]["id"] for answer in answers}) == 1
    assert execute("SELECT count(*) FROM users") == [(1,)]


def test_concurrent_first_logins_of_one_openid_make_one_user(make_app, execute):
    app = make_app()
    together = threading.Barrier(32)

    def first_login(_):
        together.wait()
        return _login(app, "alice").status_code

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(first_login, range(32)))
    assert codes.count(200) >= 24, codes
    assert set(codes) <= {200, 503}
    assert execute("SELECT count(*) FROM users") == [(1,)]


def test_a_resent_login_takes_over_the_session_that_was_not_used(client, execute):
    first = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]
    second = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]
    assert second["user"] == first["user"]
    assert second["expires_at"] == first["expires_at"]
    assert execute("SELECT count(*) FROM sessions") == [(1,)]
    assert _me(client, first["token"]).get_json()["error"] == "session_ended"
    assert _me(client, second["token"]).status_code == 200


def test_a_code_is_worth_nothing_once_its_owner_has_made_a_call(client, monkeypatch):
    monkeypatch.setattr(retried_login, "WAIT", 0.2)
    token = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]["token"]
    assert _me(client, token).status_code == 200
    stolen = client.post("/api/auth/login", json={"code": "alice.1"})
    assert stolen.get_json()["error"] == "login_code_invalid"
    assert _me(client, token).status_code == 200


@pytest.mark.parametrize(
    "spoil",
    ["UPDATE sessions SET created_at = :old", "UPDATE sessions SET ended_at = :old"],
)
def test_a_resent_login_finds_no_session_that_is_old_or_ended(client, execute, monkeypatch, spoil):
    monkeypatch.setattr(retried_login, "WAIT", 0.2)
    client.post("/api/auth/login", json={"code": "alice.1"})
    execute(spoil, old=past(seconds=31))
    response = client.post("/api/auth/login", json={"code": "alice.1"})
    assert response.get_json()["error"] == "login_code_invalid"


def test_a_resent_login_waits_for_the_first_that_is_still_on_its_way(app, client, wechat):
    """The first one has used the code at WeChat, and is slow to make its session."""
    code = "alice.1"
    answer = wechat.sandbox.exchange("wxsandbox000000000", "s", code)
    with ThreadPoolExecutor(1) as pool:
        resent = pool.submit(_login, app, code)
        time.sleep(0.3)
        assert not resent.done()
        with app.app_context():
            digest = app.extensions["keyring"].code_digests(code)[0]
            first = Login(answer["openid"], answer["session_key"], None)
            token = login._start_session(
                first, now(), digest, login.Device("192.0.2.1", "phone")
            ).token
        data = resent.result(5).get_json()["data"]
    assert _me(client, token).get_json()["error"] == "session_ended"
    assert _me(client, data["token"]).status_code == 200


def test_a_resent_login_of_a_user_banned_in_between_is_told_of_the_ban(app, client):
    first = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]
    with app.app_context():
        bans.ban(accounts.find(first["user"]["id"]).id)
    resent = client.post("/api/auth/login", json={"code": "alice.1"})
    assert (resent.status_code, resent.get_json()["error"]) == (403, "user_banned")


def test_many_used_codes_at_once_keep_no_other_login_waiting(make_app, monkeypatch):
    monkeypatch.setattr(retried_login, "WAIT", 4.0)
    app = make_app()
    with ThreadPoolExecutor(16) as pool:
        refused = [pool.submit(_login, app, "used.1") for _ in range(12)]
        time.sleep(0.3)
        assert _login(app, "alice").status_code == 200
        assert not all(answer.done() for answer in refused)
        assert {answer.result().get_json()["error"] for answer in refused} == {"login_code_invalid"}


def test_one_login_too_many_is_told_to_come_back_later(make_app, wechat):
    app = make_app(wechat_concurrency=2)
    wechat.latency = 0.5
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: _login(app, f"user{n}"), range(8)))
    busy = [a for a in answers if a.status_code == 503]
    assert len(busy) >= 4
    assert all(int(a.headers["Retry-After"]) >= 1 for a in busy)
    assert all(a.get_json()["error"] == "service_unavailable" for a in busy)


def test_an_older_session_key_never_overwrites_a_newer(app, execute):
    with app.app_context():
        newer, older = now(), now() - timedelta(seconds=1)
        _exchanged("BBBBBBBBBBBBBBBBBBBBBB==", newer)
        _exchanged(KEY, older)
        sealed = execute("SELECT session_key FROM users")[0][0]
        assert app.extensions["keyring"].unseal(bytes(sealed)) == "BBBBBBBBBBBBBBBBBBBBBB=="


def test_a_session_key_from_a_clock_that_was_ahead_does_not_stay(app, execute):
    """It would be kept until that time has come, and nothing could be decrypted until then."""
    with app.app_context():
        _exchanged(KEY, now() + timedelta(days=1))
        _exchanged("BBBBBBBBBBBBBBBBBBBBBB==", now())
        sealed = execute("SELECT session_key FROM users")[0][0]
        assert app.extensions["keyring"].unseal(bytes(sealed)) == "BBBBBBBBBBBBBBBBBBBBBB=="


def _exchanged(session_key, at):
    """Finish the login of one user, whose code WeChat exchanged at this time."""
    device = login.Device("192.0.2.1", "phone")
    login._start_session(Login("o-alice", session_key, None), at, b"digest", device)


def test_session_key_and_token_are_not_in_the_database_as_they_are(sign_in, wechat, execute):
    phone = sign_in("alice")
    stored = repr(execute("SELECT * FROM users")) + repr(execute("SELECT * FROM sessions"))
    assert phone.token.split(".")[0] not in stored
    (key,) = wechat.sandbox.session_keys()
    assert key not in stored


def test_purge_deletes_dead_sessions_and_no_live_one(app, sign_in, execute):
    ended, idle, alive = (sign_in("alice") for _ in range(3))
    ended.post("/api/auth/logout")
    idle_id = idle.get("/api/auth/sessions").get_json()["data"]["sessions"][0]["id"]
    execute(
        "UPDATE sessions SET last_seen_at = :at WHERE public_id = :id", at=past(days=8), id=idle_id
    )
    with app.app_context():
        gone, cursor = purge_batch()
        assert gone == 2
        assert purge_batch(cursor) == (0, None)
    assert alive.get("/api/me").status_code == 200
    assert ended.get("/api/me").get_json()["error"] == "session_ended"


def test_purge_keeps_the_sessions_of_banned_users(app, sign_in):
    phone = sign_in("alice")
    with app.app_context():
        bans.ban(accounts.find(phone.user["id"]).id)
        assert purge_batch()[0] == 0
    assert phone.get("/api/me").get_json()["error"] == "user_banned"


def _login(app, code):
    return app.test_client().post("/api/auth/login", json={"code": code})


def _me(client, token):
    return client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
