"""A login request that the phone's network stack sends twice."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from myapi.auth import login, retried_login
from myapi.clock import now
from myapi.wechat import Login
from tests.auth.helpers import ago, ban, get_me, log_in

pytestmark = pytest.mark.on_mysql


def test_retried_login_reissues_the_token_of_an_unused_session(client, execute):
    first = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]
    second = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]
    assert second["user"] == first["user"]
    assert second["expires_at"] == first["expires_at"]
    assert execute("SELECT count(*) FROM sessions") == [(1,)]
    assert get_me(client, first["token"]).get_json()["error"] == "session_ended"
    assert get_me(client, second["token"]).status_code == 200


def test_retried_login_is_refused_once_the_session_was_used(client, monkeypatch):
    """A stolen code is useless as soon as its owner has made a request."""
    monkeypatch.setattr(retried_login, "WAIT", 0.2)
    token = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]["token"]
    assert get_me(client, token).status_code == 200
    stolen = client.post("/api/auth/login", json={"code": "alice.1"})
    assert stolen.get_json()["error"] == "login_code_invalid"
    assert get_me(client, token).status_code == 200


@pytest.mark.parametrize(
    "change",
    ["UPDATE sessions SET created_at = :old", "UPDATE sessions SET ended_at = :old"],
)
def test_retried_login_is_refused_if_the_session_is_old_or_ended(
    client, execute, monkeypatch, change
):
    monkeypatch.setattr(retried_login, "WAIT", 0.2)
    client.post("/api/auth/login", json={"code": "alice.1"})
    execute(change, old=ago(seconds=31))
    response = client.post("/api/auth/login", json={"code": "alice.1"})
    assert response.get_json()["error"] == "login_code_invalid"


def test_retried_login_waits_for_the_first_one_to_finish(app, client, wechat):
    """WeChat has exchanged the code for the first login, which has not made its session yet."""
    code = "alice.1"
    answer = wechat.sandbox.exchange("wxsandbox000000000", "s", code)
    with ThreadPoolExecutor(1) as pool:
        retried = pool.submit(log_in, app, code)
        time.sleep(0.3)
        assert not retried.done()
        with app.app_context():
            digest = app.extensions["keyring"].code_digests(code)[0]
            first = Login(answer["openid"], answer["session_key"], None)
            token = login._start_session(
                first, now(), digest, login.Device("192.0.2.1", "phone")
            ).token
        data = retried.result(5).get_json()["data"]
    assert get_me(client, token).get_json()["error"] == "session_ended"
    assert get_me(client, data["token"]).status_code == 200


def test_retried_login_of_a_user_banned_meanwhile_is_user_banned(app, client):
    first = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]
    ban(app, first["user"]["id"])
    retried = client.post("/api/auth/login", json={"code": "alice.1"})
    assert (retried.status_code, retried.get_json()["error"]) == (403, "user_banned")


def test_retried_login_at_an_app_of_another_appid_is_refused(make_app, client, wechat, monkeypatch):
    """Both apps have one database and the same keys, so the digest of the code is the same."""
    monkeypatch.setattr(retried_login, "WAIT", 0.2)
    other = make_app(wechat_appid="wx1111111111111111", wechat_secret="s" * 32)
    token = client.post("/api/auth/login", json={"code": "alice.1"}).get_json()["data"]["token"]
    wechat.sandbox.set_fault(40163, 1)  # the code was used
    response = log_in(other, "alice.1")
    assert (response.status_code, response.get_json()["error"]) == (400, "login_code_invalid")
    assert get_me(client, token).status_code == 200


def test_many_used_codes_at_once_do_not_delay_other_logins(make_app, monkeypatch):
    monkeypatch.setattr(retried_login, "WAIT", 4.0)
    app = make_app()
    with ThreadPoolExecutor(16) as pool:
        refused = [pool.submit(log_in, app, "used.1") for _ in range(12)]
        time.sleep(0.3)
        assert log_in(app, "alice").status_code == 200
        assert not all(answer.done() for answer in refused)
        assert {answer.result().get_json()["error"] for answer in refused} == {"login_code_invalid"}
