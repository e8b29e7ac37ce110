"""Exchanging a code: what is asked, what comes out, and who may ask at the same time."""

import contextlib
import functools
import os
import threading
import time

import pytest

from myapi import wechat
from myapi.wechat import errcodes, transport

TOKEN = {"access_token": "t", "expires_in": 7200}
GOOD = {"openid": "o-someone", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="}


def outcome(client, code="alice"):
    """Call, and return the error."""
    with pytest.raises(wechat.WeChatError) as caught:
        client.code_to_session(code)
    return caught.value


def test_code_gives_openid_and_session_key(client, sandbox):
    login = client.code_to_session("alice")
    assert login.openid == sandbox.openid("alice", "wx-ours")
    assert len(login.session_key) == 24
    assert login.unionid is None


def test_unionid_is_given_where_wechat_gives_one(make_client, answering):
    client = make_client(answering({**GOOD, "errcode": 0, "unionid": "u-1"}).url)
    assert client.code_to_session("c") == wechat.Login(**GOOD, unionid="u-1")


@pytest.mark.parametrize("absent", ["", None])
def test_unionid_that_is_empty_counts_as_none(make_client, answering, absent):
    client = make_client(answering({**GOOD, "unionid": absent}).url)
    assert client.code_to_session("c").unionid is None


def test_request_is_as_the_document_says(make_client, answering):
    server = answering(GOOD)
    make_client(server.url + "/", secret="s&=é").code_to_session("a b")
    line, *headers = server.requests[0].split("\r\n")
    assert line == (
        "GET /sns/jscode2session?appid=wx-ours&secret=s%26%3D%C3%A9&js_code=a+b"
        "&grant_type=authorization_code HTTP/1.1"
    )
    assert "Accept-Encoding: identity" in headers


def test_code_that_is_no_text_reaches_wechat_as_a_wrong_one(make_client, answering):
    server = answering({"errcode": 40029, "errmsg": "invalid code"})
    assert type(outcome(make_client(server.url), "\ud800")) is wechat.CodeInvalid


@pytest.mark.parametrize(("errcode", "error"), errcodes.LOGIN.items())
def test_errcode_becomes_its_error(make_client, answering, errcode, error):
    caught = outcome(make_client(answering({"errcode": errcode, "errmsg": "why"}).url))
    assert type(caught) is error
    assert (caught.errcode, caught.detail) == (errcode, "why")


def test_unknown_errcode_is_kept(make_client, answering):
    caught = outcome(make_client(answering({"errcode": 77777}).url))
    assert type(caught) is wechat.Unavailable
    assert str(caught) == "wechat_unavailable (errcode 77777): "


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("used1", wechat.CodeUsed),
        ("bad1", wechat.CodeInvalid),
        ("blocked1", wechat.UserBlocked),
        ("", wechat.CodeInvalid),
    ],
)
def test_codes_of_the_sandbox_become_their_errors(client, code, error):
    assert type(outcome(client, code)) is error


def test_every_error_has_a_name_of_the_registry():
    names = {error.name for error in errcodes.LOGIN.values()}
    assert names == {
        "login_code_invalid",
        "rate_limited",
        "wechat_blocked_user",
        "wechat_misconfigured",
        "wechat_unavailable",
    }
    assert wechat.Timeout.name == "wechat_timeout"
    assert wechat.TooManyWaiting.name == "service_unavailable"


class TestRetry:
    def test_busy_once_is_not_noticed(self, client, sandbox):
        sandbox.set_fault("busy", 1)
        assert client.code_to_session("alice").openid

    def test_busy_twice_is_unavailable(self, client, sandbox):
        sandbox.set_fault("busy", 3)
        caught = outcome(client)
        assert (type(caught), caught.errcode) == (wechat.Unavailable, -1)
        assert sandbox.take_fault() == "busy"

    def test_other_errors_are_final(self, client, sandbox):
        sandbox.set_fault(45011, 1)
        assert type(outcome(client)) is wechat.QuotaExceeded

    def test_connection_that_closes_is_final(self, make_client, raw_server):
        """WeChat may have taken the code already, and it works once."""
        server = raw_server(lambda server, connection: server.read_request(connection))
        assert type(outcome(make_client(server.url))) is wechat.Unavailable
        assert len(server.requests) == 1


class TestConnections:
    def test_one_is_kept_between_calls(self, make_client, answering):
        server = answering(GOOD)
        client = make_client(server.url)
        for _ in range(5):
            client.code_to_session("c")
        assert (server.connections, len(server.requests)) == (1, 5)

    def test_one_is_kept_after_an_error_that_was_read_whole(self, make_client, answering):
        server = answering(b"<html>", status=502)
        client = make_client(server.url)
        for _ in range(3):
            outcome(client)
        assert server.connections == 1

    def test_one_that_was_idle_for_long_is_not_used_again(
        self, make_client, answering, monkeypatch
    ):
        monkeypatch.setattr("myapi.wechat.transport.IDLE_LIMIT", 0)
        server = answering(GOOD)
        client = make_client(server.url)
        client.code_to_session("c")
        client.code_to_session("c")
        assert server.connections == 2

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
    def test_another_process_opens_its_own(self, make_client, answering):
        server = answering(GOOD)
        client = make_client(server.url)
        client.code_to_session("c")
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                client.code_to_session("c")
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        client.code_to_session("c")
        assert (server.connections, len(server.requests)) == (2, 3)

    def test_closed_client_opens_new_ones(self, make_client, answering):
        server = answering(GOOD)
        client = make_client(server.url)
        client.code_to_session("c")
        client.close()
        client.close()
        client.code_to_session("c")
        assert server.connections == 2

    def test_no_cookie_goes_into_the_next_call(self, make_client, answering):
        server = answering(GOOD, headers="Set-Cookie: who=alice\r\n")
        client = make_client(server.url)
        client.code_to_session("c")
        client.code_to_session("c")
        assert "cookie" not in server.requests[1].lower()

    def test_environment_sets_no_proxy(self, make_client, answering, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert make_client(answering(GOOD).url).code_to_session("c").openid


class TestOtherCalls:
    def test_body_is_json_in_plain_utf8(self, make_client, answering):
        server = answering(TOKEN, {"errcode": 0, "msgid": 7})
        client = make_client(server.url)
        reply = client.call(
            "POST",
            "/cgi-bin/message",
            query={"lang": "zh&1"},
            json={"text": "你好 & \ud800"},
        )
        assert reply == {"errcode": 0, "msgid": 7}
        head, body = server.requests[1].split("\r\n\r\n")
        assert head.startswith("POST /cgi-bin/message?access_token=t&lang=zh%261 HTTP/1.1")
        assert "Content-Type: application/json" in head
        assert body == '{"text": "你好 & ?"}'

    def test_errcode_means_what_the_call_says(self, make_client, answering):
        client = make_client(answering(TOKEN, {"errcode": 40013, "errmsg": "x"}).url)
        table = {**errcodes.COMMON, 40013: wechat.CodeInvalid}
        with pytest.raises(wechat.CodeInvalid):
            client.call("GET", "/x", errcodes=table)
        with pytest.raises(wechat.Misconfigured):
            client.call("GET", "/x")

    def test_answer_may_be_larger_where_the_call_says_so(self, make_client, answering):
        server = answering(TOKEN, b"{}".rjust(2 * transport.ANSWER_LIMIT))
        call = functools.partial(make_client(server.url).call, "GET", "/x")
        assert call(limit=2 * transport.ANSWER_LIMIT) == {}
        with pytest.raises(wechat.Unavailable):
            call()


class TestConcurrency:
    @pytest.fixture
    def narrow(self, make_client, server):
        return make_client(server.url, concurrency=1)

    def test_one_call_too_many_is_refused_soon(self, make_client, raw_server):
        release, busy = threading.Event(), threading.Event()

        def behave(server, connection):
            server.read_request(connection)
            busy.set()
            release.wait(10)

        client = make_client(raw_server(behave).url, concurrency=1)
        waiting = threading.Thread(target=outcome, args=[client])
        waiting.start()
        assert busy.wait(10)
        started = time.monotonic()
        refused = outcome(client)
        assert time.monotonic() - started < 2
        release.set()
        waiting.join()
        assert (type(refused), refused.name) == (wechat.TooManyWaiting, "service_unavailable")

    def test_place_is_free_again_after_every_ending(self, narrow, sandbox):
        for fault in ("busy", "closed", "http_500"):
            sandbox.set_fault(fault, 1)
            assert type(outcome(narrow, "bad")) is not wechat.TooManyWaiting
        assert narrow.code_to_session("alice").openid
        assert narrow.code_to_session("alice").openid

    def test_many_threads_share_a_client(self, make_client, server, sandbox):
        client = make_client(server.url, timeout=10, concurrency=16)
        got = {}

        def login(name):
            for _ in range(5):
                got.setdefault(name, set()).add(client.code_to_session(name).openid)

        names = [f"user{number}" for number in range(16)]
        threads = [threading.Thread(target=login, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == {name: {sandbox.openid(name, "wx-ours")} for name in names}


def test_hook_hears_of_every_outcome(make_client, server):
    heard = []
    client = make_client(server.url, concurrency=1, on_call=lambda *call: heard.append(call))
    client.code_to_session("alice")
    outcome(client, "used")
    assert [name for name, _ in heard] == ["ok", "login_code_invalid"]
    assert all(0 <= seconds < 5 for _, seconds in heard)


@pytest.mark.parametrize("options", [{"timeout": 0}, {"concurrency": 0}])
def test_senseless_bounds_are_refused(options):
    with pytest.raises(ValueError, match="timeout"):
        wechat.WeChatClient("wx", "s", **options)


def test_base_url_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not a valid"):
        wechat.WeChatClient("wx", "s", base_url="http://[::1")


def test_reply_up_to_the_limit_is_read(make_client, answering):
    whole = b'{"openid": "o", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="}'
    server = answering(whole.rjust(transport.ANSWER_LIMIT), whole.rjust(transport.ANSWER_LIMIT + 1))
    client = make_client(server.url)
    assert client.code_to_session("c").openid == "o"
    assert type(outcome(client)) is wechat.Unavailable
