"""An id, a log line and metrics for each request."""

import logging
import time

import pytest

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PRODUCTION = {"env": "production", "wechat_appid": "wx0123456789abcdef", "wechat_secret": "s" * 32}
PROXY = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}


def lines(caplog):
    return [r.fields for r in caplog.records if r.name == "myapi.requests"]


def test_request_is_logged_as_one_line(client, sign_in, caplog):
    phone = sign_in("alice")
    caplog.clear()
    response = phone.get("/api/me")
    (line,) = lines(caplog)
    assert line.pop("ms") > 0
    assert len(line.pop("session")) == 24
    assert line == {
        "event": "request",
        "request_id": response.headers["X-Request-Id"],
        "method": "GET",
        "route": "/api/me",
        "status": 200,
        "error": None,
        "user": phone.user["id"],
        "ip": "127.0.0.1",
    }


def test_refused_request_is_logged_with_its_error(client, caplog):
    client.get("/api/me")
    client.get("/scanner/../x?code=secret")
    refused, unknown = lines(caplog)
    assert (refused["status"], refused["error"], refused["user"]) == (401, "token_missing", None)
    assert (unknown["route"], unknown["error"]) == ("-", "not_found")


def test_unknown_method_is_logged_as_other(client, caplog):
    client.open("/api/hello", method="BREW")
    assert lines(caplog)[0]["method"] == "OTHER"


def test_request_id_and_address_come_from_the_trusted_proxy(make_app, caplog):
    client = make_app(**PRODUCTION).test_client()
    response = client.get("/api/hello", headers={**PROXY, "X-Request-Id": "from-nginx-1"})
    assert response.headers["X-Request-Id"] == "from-nginx-1"
    assert lines(caplog)[0]["ip"] == "192.0.2.7"


def test_client_chooses_neither_address_nor_request_id(make_app, caplog):
    client = make_app(**PRODUCTION).test_client()
    client.get("/api/hello", headers={"X-Forwarded-For": "1.1.1.1, 192.0.2.7"})
    assert lines(caplog)[0]["ip"] == "192.0.2.7", "the last hop is what the proxy added"
    response = client.get("/api/hello", headers={"X-Request-Id": "mine"})
    assert response.headers["X-Request-Id"] != "mine", "without a proxy the header is not trusted"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "ü", "a_b", "<script>"])
def test_invalid_request_id_is_replaced(make_app, given):
    client = make_app(**PRODUCTION).test_client()
    response = client.get("/api/hello", headers={**PROXY, "X-Request-Id": given.encode("utf-8")})
    assert response.headers["X-Request-Id"] != given
    assert len(response.headers["X-Request-Id"]) == 16


def test_every_response_has_the_common_headers(client):
    for path in ("/api/hello", "/api/me", "/api/nothing", "/healthz", "/metrics"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Request-Id"]


def test_request_record_has_the_attributes_of_a_log_record(client, caplog):
    client.get("/api/hello")
    (made,) = (r for r in caplog.records if r.name == "myapi.requests")
    assert vars(made).keys() - {"message"} == vars(logging.makeLogRecord({"fields": {}})).keys()
    shown = logging.Formatter("{asctime} {levelname} {filename}:{lineno} {message}", style="{")
    assert shown.format(made).endswith("INFO :0 GET /api/hello 200")
    assert abs(made.created - time.time()) < 60


def test_disabled_logger_gets_no_record(client, caplog):
    caplog.set_level(logging.WARNING, logger="myapi.requests")
    client.get("/api/hello")
    assert not lines(caplog)
