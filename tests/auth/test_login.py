"""Logins: simultaneous ones, slow ones, and what they store and log."""

import contextlib
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from myapi.auth import login
from myapi.clock import now
from myapi.wechat import Login
from tests.auth.helpers import log_in

pytestmark = pytest.mark.on_mysql

OLD_KEY, NEW_KEY = "A" * 22 + "==", "B" * 22 + "=="


def test_two_first_logins_that_both_find_no_user_create_one(app, execute, monkeypatch):
    both, make_id = threading.Barrier(2), secrets.token_hex

    def meet_then_make_id(length):  # between the look-up and the insert; on SQLite they never meet
        if length == 12:  # the id of a user, and then of a session
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(1)
            both.abort()
        return make_id(length)

    monkeypatch.setattr("myapi.users.accounts.secrets.token_hex", meet_then_make_id)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: log_in(app, "alice"), range(2)))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.json["data"]["user"]["id"] for answer in answers}) == 1
    assert execute("SELECT count(*) FROM users") == [(1,)]


def test_concurrent_first_logins_of_one_openid_create_one_user(make_app, execute):
    app = make_app()
    together = threading.Barrier(32)

    def first_login(_):
        together.wait()
        return log_in(app, "alice").status_code

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(first_login, range(32)))
    assert {200} <= set(statuses) <= {200, 503}  # a busy machine refuses some
    assert execute("SELECT count(*) FROM users") == [(1,)]


def test_logins_over_the_wechat_concurrency_are_refused_with_503(make_app, wechat):
    app = make_app(wechat_concurrency=2)
    wechat.latency = 0.5
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: log_in(app, f"user{n}"), range(8)))
    refused = [a for a in answers if a.status_code == 503]
    assert len(refused) >= 4
    assert all(int(a.headers["Retry-After"]) >= 1 for a in refused)
    assert all(a.get_json()["error"] == "service_unavailable" for a in refused)


def test_older_session_key_never_overwrites_a_newer_one(app, execute):
    with app.app_context():
        newer, older = now(), now() - timedelta(seconds=1)
        _start_session(NEW_KEY, newer)
        _start_session(OLD_KEY, older)
        assert _stored_session_key(app, execute) == NEW_KEY


def test_session_key_stored_by_a_clock_that_was_ahead_is_overwritten(app, execute):
    """Otherwise nothing could be decrypted until that time has come."""
    with app.app_context():
        _start_session(OLD_KEY, now() + timedelta(days=1))
        _start_session(NEW_KEY, now())
        assert _stored_session_key(app, execute) == NEW_KEY


def test_session_key_and_token_are_not_stored_in_plain(sign_in, wechat, execute):
    phone = sign_in("alice")
    stored = repr(execute("SELECT * FROM users")) + repr(execute("SELECT * FROM sessions"))
    assert phone.token.split(".")[0] not in stored
    (key,) = wechat.sandbox.session_keys()
    assert key not in stored


def test_login_is_audited_after_commit_with_public_ids(sign_in, caplog):
    phone = sign_in("alice")
    records = [r for r in caplog.records if r.name == "myapi.audit"]
    assert [r.event for r in records] == ["signup", "login"]
    assert all(r.user == phone.user["id"] for r in records)


def _start_session(session_key, exchanged_at):
    """Finish a login of one user whose code WeChat exchanged at this time."""
    device = login.Device("192.0.2.1", "phone")
    login._start_session(Login("o-alice", session_key, None), exchanged_at, b"digest", device)


def _stored_session_key(app, execute):
    sealed = execute("SELECT session_key FROM users")[0][0]
    return app.extensions["keyring"].unseal(bytes(sealed))
