"""What an app answers, as it is sent."""

import pytest

pytest.importorskip("gevent", reason="gevent is not installed on Windows")

from myapi.server import encode, respond

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


def saying(*parts, status="200 OK", headers=(TYPE,)):
    def app(_environ, start_response):
        start_response(status, list(headers))
        return list(parts)

    return app


def test_an_answer_goes_out_with_its_length_and_the_time():
    line, headers, body = sent(saying(b"hel", b"lo"))
    assert (line, body) == ("HTTP/1.1 200 OK", b"hello")
    assert headers["content-length"] == "5"
    assert headers["connection"] == "keep-alive"
    assert headers["date"].endswith(" GMT")
    assert headers["content-type"] == "text/plain"


def test_the_last_answer_says_that_it_is():
    assert sent(saying(b""), kept=False)[1]["connection"] == "close"


def test_a_length_that_the_app_states_is_sent_once():
    assert sent(saying(b"abc", headers=[("content-length", "3")]))[1]["content-length"] == "3"


def test_head_gets_the_length_and_no_body():
    _line, headers, body = sent(saying(b"abc", headers=[("Content-Length", "3")]), "HEAD")
    assert (headers["content-length"], body) == ("3", b"")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_a_body_gets_none(status):
    line, headers, body = sent(saying(b"abc", status=status, headers=[]))
    assert line == f"HTTP/1.1 {status}"
    assert "content-length" not in headers
    assert body == b""


def test_what_is_the_servers_to_say_is_not_the_apps():
    headers = [
        ("Connection", "upgrade"),
        ("Transfer-Encoding", "chunked"),
        ("Server", "mine"),
        TYPE,
    ]
    found = sent(saying(b"", headers=headers))[1]
    assert found["connection"] == "keep-alive"
    assert found["server"] == "gunicorn"
    assert "transfer-encoding" not in found


def test_what_the_app_writes_comes_before_what_it_returns():
    def app(_environ, start_response):
        start_response("200 OK", [TYPE])(b"one ")
        return [b"two"]

    assert sent(app)[2] == b"one two"


def test_an_app_that_failed_meanwhile_may_begin_anew():
    def app(_environ, start_response):
        start_response("200 OK", [TYPE])(b"half")
        start_response("500 Oops", [], (ValueError, ValueError(), None))
        return [b"whole"]

    line, _, body = sent(app)
    assert (line, body) == ("HTTP/1.1 500 Oops", b"whole")


def test_what_the_app_returns_is_closed_though_it_fails():
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
def test_what_is_no_http_is_not_sent(headers):
    with pytest.raises(ValueError):
        sent(saying(b"abc", headers=headers))


@pytest.mark.parametrize("status", ["OK", "20 OK", "200 OK\r\nX: y", "200 \x00", ""])
def test_a_status_that_is_none_is_not_sent(status):
    with pytest.raises(ValueError):
        sent(saying(b"", status=status))


def test_an_answer_begins_once():
    def app(_environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    with pytest.raises(ValueError):
        sent(app)


def test_an_app_that_begins_no_answer_has_none():
    with pytest.raises(IndexError):
        sent(lambda _environ, _start_response: [])
