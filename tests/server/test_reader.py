"""Tests of `Reader`: it parses a request exactly as Gunicorn's parser does, or not at all."""

import pytest
from gunicorn.config import Config
from gunicorn.http import RequestParser, wsgi

pytest.importorskip("hypothesis", reason="hypothesis needs Python 3.11")
pytest.importorskip("gevent", reason="gevent is not installed on Windows")

from hypothesis import example, given, settings
from hypothesis import strategies as st

from myapi.server.worker import Reader

UNIX, TCP = ("", "/run/myapi.sock"), (("192.0.2.1", 4711), ("127.0.0.1", 8000))
PROXY = (("127.0.0.1", 4711), ("127.0.0.1", 8000))
OBJECTS = {"wsgi.input", "wsgi.errors", "wsgi.file_wrapper", "wsgi.early_hints", "gunicorn.socket"}


@pytest.fixture(scope="module")
def config():
    config = Config()
    config.set("limit_request_line", 4094)
    config.set("limit_request_fields", 50)
    config.set("forwarder_headers", "")
    config.set("http_parser", "python")
    return config


class Bytes:
    """A socket with these bytes in its receive buffer."""

    def __init__(self, data):
        self._data = data

    def recv(self, _size):
        data, self._data = self._data, b""
        return data

    def send(self, data):
        return len(data)


def read_by_gunicorn(config, data, client, server):
    """Return environ, body, remaining bytes, and whether the connection is to be closed."""
    source = Bytes(data)
    parser = RequestParser(config, source, client)
    request = next(parser)
    _, environ = wsgi.create(request, source, client, server, config)
    environ["wsgi.multithread"] = True
    body = request.body.read()
    return environ, body, parser.unreader.take_buffered(), request.should_close()


def assert_same_as_gunicorn(config, data, client, server):
    plain, size = Reader(config, client, server).read(data)
    if not plain:
        return
    environ, body, left, closes = read_by_gunicorn(config, data, client, server)
    assert without_objects(plain) == without_objects(environ)
    assert plain["wsgi.input"].read() == body
    assert data[size:] == left
    assert (plain.get("HTTP_CONNECTION", "").lower() == "close") == closes


def without_objects(environ):
    return {key: value for key, value in environ.items() if key not in OBJECTS}


# ---- requests ----

FROM_NGINX = (
    b"GET /api/me?x=1&y=%20 HTTP/1.1\r\nHost: api.example.com\r\nX-Real-IP: 192.0.2.9\r\n"
    b"X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\nX-Request-Id: 0a1b\r\n"
    b"User-Agent: Mozilla/5.0 (iPhone) MicroMessenger/8.0.50\r\nAuthorization: Bearer a.b\r\n"
    b"content-type: application/json\r\nReferer: https://servicewechat.com/wx0/1/page-frame.html\r\n"
    b"Accept-Encoding: gzip,compress,br,deflate\r\n\r\n"
)
LOGIN = (
    b"POST /api/auth/login HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: 17\r\n\r\n" + b'{"code": "alice"}'
)

# For each part usual and unusual values. In a request at most one part is unusual.
PARTS = {
    "method": (
        st.sampled_from(["GET", "POST", "HEAD"]),
        st.sampled_from(["PATCH", "get", "CONNECT", "G", ""]),
    ),
    "path": (
        st.sampled_from(["/", "/api/me", "/a-b_c.d~/"]),
        st.text("/ab.%é ;:@*\\", max_size=6),
    ),
    "query": (
        st.sampled_from(["", "?", "?a=1&b=%20+x"]),
        st.text("?#&=%é/ ", max_size=6).map(lambda text: "?" + text),
    ),
    "version": (
        st.just("HTTP/1.1"),
        st.sampled_from(["HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "http/1.1", ""]),
    ),
    "colon": (
        st.sampled_from([": ", ":"]),
        st.sampled_from([" : ", ":  ", ":\t", "", "\t:"]),
    ),
    "name": (
        st.sampled_from(["X-A", "X-B", "TE", "Trailer", "Script-Name", "Proxy", "User-Agent"]),
        st.one_of(
            st.sampled_from(
                ["Host", "HOST", "Expect", "Transfer-Encoding", "Upgrade", "X_A", "X-B", "x-b"]
            ),
            st.text("Xx0-_ :é", max_size=4),
        ),
    ),
    "value": (
        st.sampled_from(["0", "3", "x y", "chunked", "100-continue", "a:b"]),
        st.text('a0+ \t,é\x00\x7f\r\n"', max_size=6),
    ),
    "length": (
        st.sampled_from([[], ["0"], ["3"], ["03"]]),
        st.lists(
            st.sampled_from(["3", "+3", "3,3", "-1", "0x3", "", "٣", "3 "]), min_size=1, max_size=2
        ),
    ),
    "connection": (
        st.sampled_from(["close", "keep-alive", "Close"]),
        st.sampled_from(["upgrade", "close, x", "x", "keep-alive, close", "close,"]),
    ),
    "scheme": (
        st.lists(st.sampled_from(["https", "http", "on", "ssl"]), max_size=1),
        st.lists(st.sampled_from(["https", "http", "on", "ssl"]), min_size=2, max_size=3),
    ),
    "end": (st.just("\r\n"), st.sampled_from(["\n", "\r", "\r\n "])),
}
SCHEMES = ["X-Forwarded-Proto", "X-Forwarded-Ssl", "X-Forwarded-Protocol"]
HOSTS = ["x", "x:81", "[::1]:80", "a:b:c", ":", "192.0.2.1"]


@st.composite
def requests(draw):
    odd = draw(st.sampled_from(["none", *PARTS]))

    def part(name):
        return draw(PARTS[name][name == odd])

    line = f"{part('method')} {part('path')}{part('query')} {part('version')}"
    fields = [f"Host: {draw(st.sampled_from(HOSTS))}"]
    names = {part("name") for _ in range(draw(st.integers(0, 3)))}
    fields += [f"{name}{part('colon')}{part('value')}" for name in sorted(names)]
    fields += [f"Content-Length: {length}" for length in part("length")]
    if draw(st.booleans()):
        fields.append(f"Connection: {part('connection')}")
    schemes = zip(draw(st.permutations(SCHEMES)), part("scheme"), strict=False)
    fields += [f"{name}: {value}" for name, value in schemes]
    head = part("end").join([line, *draw(st.permutations(fields)), "", ""])
    return head.encode("latin-1", "replace") + draw(st.binary(max_size=8))


@st.composite
def damaged(draw):
    """A usual request with some bytes changed, inserted or removed."""
    data = bytearray(draw(st.sampled_from([FROM_NGINX, LOGIN, FROM_NGINX + LOGIN])))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data) - 1))
        data[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


@pytest.mark.parametrize(("client", "server"), [UNIX, TCP, PROXY], ids=["unix", "tcp", "proxy"])
@settings(max_examples=750, deadline=None)
@given(data=st.one_of(requests(), damaged()))
@example(data=FROM_NGINX)
@example(data=LOGIN + FROM_NGINX)
def test_reader_agrees_with_gunicorn(config, client, server, data):
    assert_same_as_gunicorn(config, data, client, server)


@pytest.mark.parametrize(
    "data", [FROM_NGINX, LOGIN, LOGIN + FROM_NGINX], ids=["get", "post", "two"]
)
def test_reader_parses_typical_requests_from_nginx(config, data):
    assert Reader(config, *UNIX).read(data)[1]
    assert_same_as_gunicorn(config, data, *UNIX)


HOST = b"Host: x\r\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(FROM_NGINX[:-1], id="an incomplete head"),
        pytest.param(LOGIN[:-1], id="an incomplete body"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET / HTTP/1.0\r\n" + HOST + b"\r\n", id="an old version"),
        pytest.param(b"GET /%61 HTTP/1.1\r\n" + HOST + b"\r\n", id="an escaped path"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST * 2 + b"\r\n", id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b" more\r\n\r\n", id="a folded line"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"X: \xe9\r\n\r\n", id="not ASCII"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"X_Y: 1\r\n\r\n", id="an underscore"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n\r\n", id="expect"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\n\r\n", id="upgrade"),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="chunks",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\nabc", id="a signed length"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            id="two lengths",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\n"
            + HOST
            + b"X-Forwarded-Proto: http\r\nX-Forwarded-Ssl: on\r\n\r\n",
            id="conflicting schemes",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\n"
            + HOST
            + b"".join(b"X-%d: 1\r\n" % n for n in range(50))
            + b"\r\n",
            id="more than fifty fields",
        ),
        pytest.param(b"GET /" + b"a" * 4094 + b" HTTP/1.1\r\n" + HOST + b"\r\n", id="a long line"),
        pytest.param(
            b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 9000 + b"\r\n\r\n", id="a long field"
        ),
    ],
)
def test_reader_leaves_unusual_or_incomplete_requests_to_gunicorn(config, data):
    assert Reader(config, *UNIX).read(data) == ({}, 0)
