"""The sandbox over HTTP: WeChat's routes, and the control routes for loopback only."""

import http.client
import io
import json
import logging
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from myapi.wechat import decrypt_user_data
from myapi.wechat.sandbox import FAULTS, SandboxServer
from myapi.wechat.sandbox.handler import BODY_LIMIT, Handler

LOGIN = "/sns/jscode2session?appid=wx&secret=s&js_code=alice&grant_type=authorization_code"


class Client:
    """A client with one keep-alive connection to the server."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def __call__(self, method, path, body=None, headers=()):
        text = body if body is None or isinstance(body, bytes) else json.dumps(body)
        self.connection.request(method, path, text, dict(headers))
        response = self.connection.getresponse()
        self.headers = response.headers
        return response.status, response.read()


@pytest.fixture
def ask(server):
    client = Client(server.url)
    yield client
    client.connection.close()


def test_login_is_answered_like_wechat(ask, sandbox):
    status, body = ask("GET", LOGIN)
    assert (status, ask.headers["Content-Type"]) == (200, "text/plain")
    assert json.loads(body)["openid"] == sandbox.openid("alice", "wx")
    assert json.loads(body).keys() == {"openid", "session_key"}


def test_refused_login_has_status_200(ask):
    status, body = ask("GET", LOGIN.replace("alice", ""))
    assert (status, json.loads(body)["errcode"]) == (200, 41008)


def test_missing_parameters_are_refused(ask):
    assert json.loads(ask("GET", "/sns/jscode2session")[1])["errcode"] == 41002


def test_connection_is_kept_alive_and_answers_are_not_delayed(ask):
    ask("GET", LOGIN)
    first_socket = ask.connection.sock
    started = time.monotonic()
    for _ in range(50):
        ask("GET", LOGIN)
    assert ask.connection.sock is first_socket
    # 50 delayed ACKs would be 2 s.
    assert time.monotonic() - started < 1.5


def test_latency_delays_each_answer(sandbox):
    with SandboxServer(sandbox, latency=0.2) as server:
        ask = Client(server.url)
        started = time.monotonic()
        ask("GET", LOGIN)
        assert time.monotonic() - started >= 0.2
        ask.connection.close()


def test_slow_answer_is_correct(sandbox):
    sandbox.set_fault("slow", 1)
    with SandboxServer(sandbox, slow=0.2) as server:
        ask = Client(server.url)
        started = time.monotonic()
        assert b"openid" in ask("GET", LOGIN)[1]
        assert time.monotonic() - started >= 0.2
        ask.connection.close()


@pytest.mark.parametrize("fault", ["drip", "drip_headers"])
def test_drip_answer_is_correct_if_the_client_waits(sandbox, fault):
    sandbox.set_fault(fault, 1)
    with SandboxServer(sandbox, drip=0) as server:
        ask = Client(server.url)
        assert json.loads(ask("GET", LOGIN)[1])["openid"]
        ask.connection.close()


def test_client_without_limits_gets_correct_answers_from_huge_and_redirect(ask, sandbox):
    sandbox.set_fault("huge", 1)
    body = ask("GET", LOGIN)[1]
    assert len(body) == 10 * 1024 * 1024
    assert json.loads(body)["openid"]
    sandbox.set_fault("redirect", 1)
    assert ask("GET", LOGIN)[0] == 302
    assert json.loads(ask("GET", ask.headers["Location"])[1])["openid"]


@pytest.mark.parametrize("kind", [*FAULTS, "45011"])
def test_fault_is_set_over_http(ask, sandbox, kind):
    status, body = ask("PUT", "/sandbox/fault", {"kind": kind, "times": 2})
    assert (status, json.loads(body)) == (200, {"kind": kind, "times": 2})
    assert sandbox.take_fault() == kind


def test_fault_applies_to_the_next_login(ask):
    ask("PUT", "/sandbox/fault", {"kind": 45011})
    assert json.loads(ask("GET", LOGIN)[1])["errcode"] == 45011
    assert json.loads(ask("GET", LOGIN)[1])["openid"]


def test_data_is_encrypted_over_http(ask):
    login = json.loads(ask("GET", LOGIN)[1])
    for user in ("alice", login["openid"]):
        status, body = ask("POST", "/sandbox/encrypt", {"openid": user, "data": {"a": 1}})
        encrypted = json.loads(body)
        assert status == 200
        assert encrypted.keys() == {"encryptedData", "iv", "rawData", "signature"}
        data = decrypt_user_data(
            login["session_key"], encrypted["encryptedData"], encrypted["iv"], "wx", max_age=60
        )
        assert data["a"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("PUT", "/sandbox/fault", {"kind": "late"}, "kind must be one of busy"),
        ("PUT", "/sandbox/fault", {"times": 1}, "kind must be one of"),
        ("PUT", "/sandbox/fault", {"kind": "slow", "times": -1}, "times must be"),
        ("PUT", "/sandbox/fault", [], "JSON object"),
        ("PUT", "/sandbox/fault", b"{", "JSON object"),
        ("PUT", "/sandbox/fault", b"\xff", "JSON object"),
        ("PUT", "/sandbox/fault", b"[" * 100_000, "JSON object"),
        ("PUT", "/sandbox/fault", b" " * (BODY_LIMIT + 1), "at most"),
        ("POST", "/sandbox/encrypt", {"openid": "nobody", "data": {}}, "'nobody'"),
        ("POST", "/sandbox/encrypt", {"openid": "alice"}, "data an object"),
        ("POST", "/sandbox/encrypt", {"openid": 7, "data": {}}, "openid must be a string"),
        (
            "POST",
            "/sandbox/encrypt",
            {"openid": "x", "data": {}, "appid": 7},
            "appid must be a string",
        ),
        ("POST", "/sandbox/encrypt", {"openid": "\ud800", "data": {}}, "surrogate"),
        ("POST", "/sandbox/encrypt", {"openid": "alice", "data": {"a": "\ud800"}}, "surrogate"),
    ],
)
def test_invalid_body_is_refused_with_the_reason(ask, sandbox, method, path, body, why):
    sandbox.exchange("wx", "s", "alice")
    status, answer = ask(method, path, body)
    assert status == 400
    assert why in json.loads(answer)["error"]


@pytest.mark.parametrize("length", ["x", "-1", "1e3", "9" * 5000, ""])
def test_invalid_content_length_is_refused(ask, length):
    assert ask("PUT", "/sandbox/fault", headers={"Content-Length": length})[0] == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/sandbox/fault"), ("POST", "/cgi-bin/token"), ("PUT", "/x")],
)
def test_unknown_routes_are_not_found(ask, method, path):
    assert ask(method, path, b"{}")[0] == 404


@pytest.mark.parametrize("header", ["X-Forwarded-For", "forwarded", "X-Real-IP", "Via"])
def test_control_routes_refuse_a_proxy(ask, sandbox, header):
    assert ask("PUT", "/sandbox/fault", {"kind": "slow"}, {header: "1.2.3.4"})[0] == 403
    assert sandbox.take_fault() is None


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        ("127.0.0.1", 200),
        ("127.9.9.9", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("10.0.0.1", 403),
        ("::ffff:10.0.0.1", 403),
        ("fe80::1%eth0", 403),
    ],
)
def test_control_routes_are_for_loopback_only(server, peer, status):
    class Connection:
        """A fake socket, so that the client can have any address."""

        def __init__(self):
            self.sent = io.BytesIO()

        def makefile(self, mode, _):
            body = b'{"kind": "busy", "times": 0}'
            head = b"PUT /sandbox/fault HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.sent.close = lambda: None
            return io.BytesIO(head + body) if mode == "rb" else self.sent

        def setsockopt(self, *_):
            pass

    connection = Connection()
    handler = type("Bound", (Handler,), {"options": server})
    handler(connection, (peer, 1), None)
    assert f"HTTP/1.1 {status} ".encode() in connection.sent.getvalue()


def test_requests_are_not_logged(server, ask, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    ask("GET", LOGIN.replace("secret=s", "secret=hush").replace("alice", "hush.1"))
    ask("GET", "/nowhere?secret=hush")
    with socket.create_connection(
        ask.connection.sock.getpeername()
        if ask.connection.sock
        else ("127.0.0.1", int(server.url.rpartition(":")[2]))
    ) as connection:
        connection.sendall(b"hush hush hush hush\r\n\r\n")
        while connection.recv(65536):
            pass
    output = capfd.readouterr()
    assert "hush" not in caplog.text + output.out + output.err


def test_early_disconnect_logs_one_line_without_the_url(server, sandbox, caplog, capfd):
    caplog.set_level(logging.DEBUG, "myapi.wechat.sandbox")
    sandbox.set_fault("huge", 1)
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(f"GET {LOGIN} HTTP/1.1\r\n\r\n".encode())
    connection.recv(10)
    connection.close()
    deadline = time.monotonic() + 10
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "ended early" in caplog.text
    assert "jscode2session" not in caplog.text + capfd.readouterr().err


def test_close_ends_answers_in_progress(sandbox):
    sandbox.set_fault("drip", 1)
    with SandboxServer(sandbox, drip=60) as server:
        ask = Client(server.url)
        ask.connection.request("GET", LOGIN)
        response = ask.connection.getresponse()
        assert response.read(1)
    started = time.monotonic()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    assert time.monotonic() - started < 5
    ask.connection.close()


def test_server_closes_without_having_started(sandbox):
    SandboxServer(sandbox).close()


def test_serve_forever_returns_after_close(sandbox):
    server = SandboxServer(sandbox)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    ask = Client(server.url)
    assert ask("GET", LOGIN)[0] == 200
    server.close()
    thread.join(10)
    assert not thread.is_alive()
    ask.connection.close()


def test_port_in_use_raises(sandbox, server):
    with pytest.raises(OSError):
        SandboxServer(sandbox, port=int(server.url.rpartition(":")[2]))


# ---- stable_token ----

TOKEN = {"grant_type": "client_credential", "appid": "wx", "secret": "s", "force_refresh": False}


def test_stable_token_is_kept_and_differs_by_app(ask):
    first, second, other = (
        json.loads(ask("POST", "/cgi-bin/stable_token", {**TOKEN, "appid": appid})[1])
        for appid in ("wx", "wx", "wx-other")
    )
    assert first.keys() == {"access_token", "expires_in"}
    assert first["expires_in"] == 7200
    assert len(first["access_token"]) >= 200
    assert second["access_token"] == first["access_token"]
    assert other["access_token"] != first["access_token"]


def test_stable_token_is_forced_only_by_true(ask):
    tokens = [
        json.loads(ask("POST", "/cgi-bin/stable_token", {**TOKEN, "force_refresh": force})[1])
        for force in (False, "true", 1, None, True)
    ]
    assert len({answer["access_token"] for answer in tokens[:4]}) == 1
    assert tokens[4]["access_token"] != tokens[0]["access_token"]


@pytest.mark.parametrize(
    ("wrong", "errcode"),
    [
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"grant_type": "authorization_code"}, 40002),
        ({"appid": "bad-appid"}, 40013),
        ({"secret": "bad-secret"}, 40125),
        ({"secret": "frozen-secret"}, 40243),
    ],
    ids=lambda value: str(value),
)
def test_stable_token_is_refused_like_wechat(ask, wrong, errcode):
    status, body = ask("POST", "/cgi-bin/stable_token", {**TOKEN, **wrong})
    assert (status, json.loads(body)["errcode"]) == (200, errcode)


def test_stable_token_requires_json(ask):
    assert json.loads(ask("POST", "/cgi-bin/stable_token", b"appid=wx")[1])["errcode"] == 47001


def test_stable_token_error_40164_names_the_ip_address(ask):
    ask("PUT", "/sandbox/fault", {"kind": 40164})
    reply = json.loads(ask("POST", "/cgi-bin/stable_token", TOKEN)[1])
    assert reply["errcode"] == 40164
    assert reply["errmsg"].startswith(
        "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist"
    )
    assert "access_token" in json.loads(ask("POST", "/cgi-bin/stable_token", TOKEN)[1])


# ---- the phone number ----

PHONE = "/wxa/business/getuserphonenumber"


def token_of(ask, **more):
    return json.loads(ask("POST", "/cgi-bin/stable_token", {**TOKEN, **more})[1])["access_token"]


def phone(ask, token, body=None, method="POST"):
    path = PHONE if token is None else f"{PHONE}?access_token={token}"
    return json.loads(ask(method, path, {"code": "phone-1"} if body is None else body)[1])


def test_phone_number_is_answered_like_wechat(ask, sandbox):
    openid = json.loads(ask("GET", LOGIN)[1])["openid"]
    answer = phone(ask, token_of(ask), {"code": "phone-13912345678", "openid": openid})
    timestamp = answer["phone_info"]["watermark"].pop("timestamp")
    assert abs(timestamp - time.time()) < 60
    assert answer == {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": "13912345678",
            "purePhoneNumber": "13912345678",
            "countryCode": "86",
            "watermark": {"appid": "wx"},
        },
    }


@pytest.mark.parametrize("body", [b"", b"code=phone-1", b"\xff", b"[]", {}, {"code": 7}])
def test_phone_number_requires_json_with_a_code(ask, body):
    assert phone(ask, token_of(ask), body)["errcode"] == 47001


def test_refused_token_comes_before_the_body(ask):
    assert phone(ask, None, b"{")["errcode"] == 41001
    assert phone(ask, "", b"{")["errcode"] == 41001
    assert phone(ask, "unknown", b"{")["errcode"] == 40001


# ---- the check of a text ----

CHECK = "/wxa/msg_sec_check"
TEXT = {"content": "hello", "version": 2, "scene": 2}


def check(ask, token, body):
    return json.loads(ask("POST", f"{CHECK}?access_token={token}", body)[1])


@pytest.fixture
def body(ask):
    return {**TEXT, "openid": json.loads(ask("GET", LOGIN)[1])["openid"]}


@pytest.mark.parametrize(
    ("field", "text", "suggest", "label"),
    [
        ("content", "hello", "pass", 100),
        ("content", "a Review, please", "review", 21000),
        ("content", "Risky!", "risky", 20001),
        ("content", "review of a risky text", "risky", 20001),
        ("title", "risky", "risky", 20001),
        ("nickname", "review", "review", 21000),
        ("signature", "risky", "risky", 20001),
    ],
)
def test_text_is_judged_by_its_words(ask, body, field, text, suggest, label):
    answer = check(ask, token_of(ask), {**body, field: text})
    assert answer["errcode"] == 0
    assert answer["result"] == {"suggest": suggest, "label": label}
    assert answer["detail"][0].items() >= {"errcode": 0, "suggest": suggest}.items()
    assert len(answer["trace_id"]) > 20


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"scene": 0}, 40129),
        ({"scene": 5}, 40129),
        ({"scene": "2"}, 40129),
        ({"scene": None}, 40129),
        ({"scene": [2]}, 40129),
        ({"openid": "o-of-nobody"}, 40003),
        ({"openid": None}, 40003),
        ({"openid": ["o"]}, 40003),
        ({"content": ""}, 47001),
        ({"content": None}, 47001),
        ({"content": 7}, 47001),
        ({"content": "x" * 2501}, 47001),
    ],
    ids=repr,
)
def test_check_is_refused_like_by_wechat(ask, body, change, errcode):
    answer = check(ask, token_of(ask), {**body, **change})
    assert answer["errcode"] == errcode
    assert "result" not in answer


@pytest.mark.parametrize("body", [b"", b"content=hello", b"\xff", b"[]"])
def test_check_requires_json(ask, body):
    assert check(ask, token_of(ask), body)["errcode"] == 47001


def test_check_that_leaves_the_version_out_is_the_old_one_without_a_verdict(ask, body):
    token = token_of(ask)
    for version in ({}, {"version": 1}, {"version": "2"}):
        old = {"content": "hello", **version}
        assert check(ask, token, old).keys() == {"errcode", "errmsg"}
        assert check(ask, token, old)["errcode"] == 0
        assert check(ask, token, {**old, "content": "risky"})["errcode"] == 87014


def test_openid_of_another_app_is_unknown_to_the_check(ask, body):
    assert check(ask, token_of(ask, appid="wx-other"), body)["errcode"] == 40003


def test_check_requires_a_token(ask, body):
    assert check(ask, "", body)["errcode"] == 41001
    assert check(ask, "unknown", body)["errcode"] == 40001


def test_check_is_counted_and_gets_the_faults_of_a_token(ask, body, sandbox):
    token = token_of(ask)
    ask("PUT", "/sandbox/fault", {"kind": 40001, "times": 1})
    assert check(ask, token, body)["errcode"] == 40001
    assert check(ask, token, body)["errcode"] == 0
    assert sandbox.calls()[CHECK] == 2


@pytest.mark.parametrize(
    ("method", "path", "errcode"),
    [
        ("GET", PHONE, 43002),
        ("GET", CHECK, 43002),
        ("GET", "/cgi-bin/stable_token", 43002),
        ("POST", LOGIN, 43001),
    ],
)
def test_wrong_method_is_refused_like_wechat(ask, method, path, errcode):
    assert json.loads(ask(method, path)[1])["errcode"] == errcode


# ---- faults of the access_token ----


@pytest.mark.parametrize("kind", [40001, 40014, 42001])
def test_token_fault_hits_only_calls_that_carry_a_token(ask, kind):
    ask("PUT", "/sandbox/fault", {"kind": kind, "times": 1})
    assert "openid" in json.loads(ask("GET", f"{LOGIN}&access_token=x")[1])
    token = token_of(ask)
    assert phone(ask, None)["errcode"] == 41001
    assert phone(ask, token)["errcode"] == kind
    assert phone(ask, token)["errcode"] == 0


def test_token_fault_for_two_calls_outlives_a_refresh(ask):
    ask("PUT", "/sandbox/fault", {"kind": 40001, "times": 2})
    assert phone(ask, token_of(ask))["errcode"] == 40001
    assert phone(ask, token_of(ask, force_refresh=True))["errcode"] == 40001
    assert phone(ask, token_of(ask))["errcode"] == 0


def test_call_with_a_fault_leaves_the_phone_code_unused(ask):
    token = token_of(ask)
    ask("PUT", "/sandbox/fault", {"kind": "busy", "times": 1})
    assert phone(ask, token)["errcode"] == -1
    assert phone(ask, token)["errcode"] == 0


@pytest.mark.parametrize("field", ["access_token", "expires_in", "phone_info", "result"])
def test_wrong_types_has_every_field_with_a_wrong_type(ask, field):
    token, right = token_of(ask), {"access_token": str, "expires_in": int, "phone_info": dict}
    right["result"] = dict
    ask("PUT", "/sandbox/fault", {"kind": "wrong_types", "times": 1})
    assert not isinstance(phone(ask, token)[field], right[field])


# ---- what was asked ----


def test_calls_are_counted_by_path_with_those_that_fail(ask, sandbox):
    ask("GET", LOGIN)
    token_of(ask)
    token_of(ask)
    token_of(ask, force_refresh=True)
    ask("PUT", "/sandbox/fault", {"kind": 45011, "times": 1})
    phone(ask, "any")
    ask("GET", "/nowhere")
    assert sandbox.calls() == {
        "/sns/jscode2session": 1,
        "/cgi-bin/stable_token": 2,
        "/cgi-bin/stable_token forced": 1,
        PHONE: 1,
    }
    assert sandbox.calls()["/wxa/msg_sec_check"] == 0
