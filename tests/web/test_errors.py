"""Errors are JSON with a stable name, and reveal nothing internal."""

import json

import pytest
import sqlalchemy.exc

from myapi.auth import sessions
from myapi.web.errors import REGISTRY, ApiError

STABLE = {
    "invalid_request": (400, 40000),
    "login_code_invalid": (400, 40001),
    "phone_code_invalid": (400, 40003),
    "content_risky": (400, 40004),
    "picture_invalid": (400, 40005),
    "message_invalid": (400, 40006),
    "message_not_permitted": (409, 40901),
    "decrypt_failed": (400, 40002),
    "token_missing": (401, 40100),
    "token_invalid": (401, 40101),
    "session_ended": (401, 40102),
    "user_banned": (403, 40300),
    "wechat_blocked_user": (403, 40301),
    "development_only": (403, 40302),
    "push_refused": (403, 40304),
    "not_found": (404, 40400),
    "method_not_allowed": (405, 40500),
    "session_key_missing": (409, 40900),
    "payload_too_large": (413, 41300),
    "unsupported_media_type": (415, 41500),
    "rate_limited": (429, 42900),
    "internal_error": (500, 50000),
    "wechat_misconfigured": (500, 50001),
    "wechat_unavailable": (502, 50200),
    "service_unavailable": (503, 50300),
    "wechat_timeout": (504, 50400),
}


def test_error_names_statuses_and_codes_are_stable():
    assert {name: kind[:2] for name, kind in REGISTRY.items()} == STABLE


def test_each_error_has_a_message_in_both_languages():
    for kind in REGISTRY.values():
        assert kind.msg.isascii()
        assert not kind.msg_zh.isascii()


def test_error_response_has_four_fields_and_the_request_id_of_the_header(client):
    response = client.get("/api/nothing")
    body = response.get_json()
    assert set(body) == {"code", "error", "msg", "request_id"}
    assert body["request_id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "//api/hello", 404, "not_found"),
        ("GET", "/api/hello/", 404, "not_found"),
        ("GET", "/api/%00", 404, "not_found"),
        ("POST", "/api/hello", 405, "method_not_allowed"),
        ("PATCH", "/api/me", 405, "method_not_allowed"),
        ("OPTIONS", "/api/me", 405, "method_not_allowed"),
        ("TRACE", "/api/hello", 405, "method_not_allowed"),
        ("GET", "/api/auth/login", 405, "method_not_allowed"),
    ],
)
def test_unknown_path_or_method_is_a_json_error(client, method, path, status, error):
    # The test client takes the first part of `//api/hello` for a host.
    response = client.open(path, method=method, headers={"Host": "localhost"})
    assert (response.status_code, response.get_json()["error"]) == (status, error)
    assert response.content_type == "application/json"


def test_method_not_allowed_lists_the_allowed_methods(client):
    assert client.post("/api/hello").headers["Allow"] == "GET, HEAD"


def test_bug_is_a_500_with_its_traceback_only_in_the_log(app, client, sign_in, monkeypatch, caplog):
    phone = sign_in("alice")

    def bug(_user_id):
        raise RuntimeError("internal details")

    monkeypatch.setattr(sessions, "of_user", bug)
    response = phone.get("/api/auth/sessions")
    assert (response.status_code, response.get_json()["error"]) == (500, "internal_error")
    assert "internal details" not in response.text
    assert "internal details" in caplog.text


def test_bug_in_debug_mode_reveals_nothing_more(app, client, sign_in, monkeypatch):
    phone = sign_in("alice")
    monkeypatch.setattr(app, "debug", True)
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setattr(sessions, "of_user", None)
    response = phone.get("/api/auth/sessions")
    assert (response.status_code, response.get_json()["error"]) == (500, "internal_error")
    assert "NoneType" not in response.text


def test_database_bug_is_a_500_and_outage_a_503(app, client, sign_in, monkeypatch):
    phone = sign_in("alice")
    for error, status in [
        (sqlalchemy.exc.ProgrammingError("SELECT", None, Exception("no such column")), 500),
        (sqlalchemy.exc.OperationalError("SELECT", None, Exception("gone away")), 503),
        (sqlalchemy.exc.TimeoutError("pool"), 503),
        (sqlalchemy.exc.InvalidRequestError("bug"), 500),
    ]:

        def fail(_user_id, error=error):
            raise error

        monkeypatch.setattr(sessions, "of_user", fail)
        response = phone.get("/api/auth/sessions")
        assert response.status_code == status
        assert ("Retry-After" in response.headers) == (status == 503)


@pytest.mark.parametrize(
    ("header", "chinese"),
    [
        (None, False),
        ("zh-CN,zh;q=0.9", True),
        ("ZH-tw", True),
        ("en;q=0, *", True),
        ("*", False),
        ("en-US", False),
        ("fr", False),
    ],
)
def test_message_follows_accept_language(client, header, chinese):
    headers = {} if header is None else {"Accept-Language": header}
    kind = REGISTRY["not_found"]
    msg = client.get("/api/nothing", headers=headers).get_json()["msg"]
    assert msg == (kind.msg_zh if chinese else kind.msg)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"alice"',
        b"7",
        b'{"code": NaN}',
        b'{"code": Infinity}',
        b'{"code": "a", "code": "b"}',
        b'{"x": {"y": 1, "y": 2}, "code": "a"}',
        b'{"code": "\\ud800"}',
        b'{"x": "\\ud800", "code": "a"}',
        b'{"code": "a",}',
        b"{'code': 'a'}",
        b'\xef\xbb\xbf{"code": "a"}',
        b'{"code": "\xff"}',
        '{"code": "alice"}'.encode("utf-16"),
        b"[" * 1900 + b"]" * 1900,
        b'{"a":' * 9000 + b"1" + b"}" * 9000,
        b'{"code": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_body_that_is_not_a_json_object_is_invalid_request(client, body):
    response = client.post("/api/auth/login", data=body, content_type="application/json")
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_body_of_another_content_type_is_unsupported_media_type(client, headers):
    response = client.post("/api/auth/login", data=b'{"code": "alice"}', headers=headers)
    assert (response.status_code, response.get_json()["error"]) == (415, "unsupported_media_type")


def test_json_with_a_charset_is_accepted(client):
    response = client.post(
        "/api/auth/login",
        data=b'{"code": "alice"}',
        content_type="application/json; charset=utf-8",
    )
    assert response.status_code == 200


def test_body_too_large_is_refused_on_every_route(client, sign_in):
    phone = sign_in("alice")
    body = json.dumps({"code": "a", "x": "x" * 70000})
    for path in ("/api/auth/login", "/api/auth/logout"):
        response = client.post(
            path, data=body, content_type="application/json", headers=phone.headers
        )
        assert (response.status_code, response.get_json()["error"]) == (413, "payload_too_large")


def test_reason_of_an_error_is_only_for_the_log(app):
    with app.test_request_context():
        error = ApiError("not_found", reason="why")
    assert "why" in str(error)
    assert error.detail == ""
