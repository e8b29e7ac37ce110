"""Tests of the encoding of an app's response."""

import pytest

pytest.importorskip("gevent", reason="gevent is not installed on Windows")

from myapi.server.worker import encode, respond

TYPE = ("Content-Type", "text/plain")


def sent(app, method="GET", *, kept=True):
    """Return the status line, the headers by lower-case name, and the body."""
    status, headers, body = respond(app, {"REQUEST_METHOD": method})
    data = encode(status, headers, body, method, kept=kept)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    pairs = [field.split(": ", 1) for field in fields]
    assert len({name.lower() for name, _ in pairs}) == len(pairs)
    return line, {name.lower(): value for name, value in pairs}, body


def responding(*parts, status="200 OK", headers=(TYPE,)):
    def app(_environ, start_response):
        start_response(status, list(headers))
        return list(parts)

    return app


def test_response_has_content_length_and_date():
    line, headers, body = sent(responding(b"hel", b"lo"))
    assert (line, body) == ("HTTP/1.1 200 OK", b"hello")
    assert headers["content-length"] == "5"
    assert headers["connection"] == "keep-alive"
    assert headers["date"].endswith(" GMT")
    assert headers["content-type"] == "text/plain"


def test_last_response_has_connection_close():
    assert sent(responding(b""), kept=False)[1]["connection"] == "close"


def test_content_length_from_the_app_is_sent_once():
    assert sent(responding(b"abc", headers=[("content-length", "3")]))[1]["content-length"] == "3"


def test_head_response_has_length_and_no_body():
    _line, headers, body = sent(responding(b"abc", headers=[("Content-Length", "3")]), "HEAD")
    assert (headers["content-length"], body) == ("3", b"")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_status_without_body_is_sent_without_one(status):
    line, headers, body = sent(responding(b"abc", status=status, headers=[]))
    assert line == f"HTTP/1.1 {status}"
    assert "content-length" not in headers
    assert body == b""


def test_server_headers_from_the_app_are_dropped():
    headers = [
        ("Connection", "upgrade"),
        ("Transfer-Encoding", "chunked"),
        ("Server", "mine"),
        TYPE,
    ]
    found = sent(responding(b"", headers=headers))[1]
    assert found["connection"] == "keep-alive"
    assert found["server"] == "gunicorn"
    assert "transfer-encoding" not in found


def test_written_data_precedes_returned_data():
    def app(_environ, start_response):
        start_response("200 OK", [TYPE])(b"one ")
        return [b"two"]

    assert sent(app)[2] == b"one two"


def test_start_response_with_exc_info_replaces_the_response():
    def app(_environ, start_response):
        start_response("200 OK", [TYPE])(b"half")
        start_response("500 Oops", [], (ValueError, ValueError(), None))
        return [b"whole"]

    line, _, body = sent(app)
    assert (line, body) == ("HTTP/1.1 500 Oops", b"whole")


def test_result_is_closed_when_iteration_fails():
    class Result:
        closed = False

        def __iter__(self):
            yield b"x"
            raise ZeroDivisionError

        def close(self):
            self.closed = True

    result = Result()

    def app(_environ, start_response):
        start_response("200 OK", [])
        return result

    with pytest.raises(ZeroDivisionError):
        sent(app)
    assert result.closed


@pytest.mark.parametrize(
    "headers",
    [
        [("X", "a\r\nSet-Cookie: b")],
        [("X", "a\nb")],
        [("X", "a\x00b")],
        [("X", "中")],
        [("X: y\r\nZ", "a")],
        [("X y", "a")],
        [("", "a")],
        [("Content-Length", "4"), TYPE],
    ],
)
def test_invalid_headers_are_not_sent(headers):
    with pytest.raises(ValueError):
        sent(responding(b"abc", headers=headers))


@pytest.mark.parametrize("status", ["OK", "20 OK", "200 OK\r\nX: y", "200 \x00", ""])
def test_invalid_status_is_not_sent(status):
    with pytest.raises(ValueError):
        sent(responding(b"", status=status))


def test_second_start_response_is_refused():
    def app(_environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    with pytest.raises(ValueError):
        sent(app)


def test_app_without_start_response_is_an_error():
    with pytest.raises(IndexError):
        sent(lambda _environ, _start_response: [])
