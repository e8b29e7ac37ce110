"""Valid requests with some bytes changed never cause a 500 or a crash."""

import contextlib
import socket

import pytest

from tests.wire.cases import BODY, CHUNKED, GET, HOST, POST
from tests.wire.replies import parse
from tests.wire.test_cases import error_lines

pytest.importorskip("hypothesis", reason="hypothesis needs Python 3.11")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GOOD = [
    GET + b"Authorization: Bearer a.b\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n",
    POST + b"Content-Length: 2\r\n\r\n" + BODY,
    CHUNKED + b"2\r\n{}\r\n0\r\nA: b\r\n\r\n",
    b"PUT /api/me?a=%20b HTTP/1.1\r\n" + HOST + b"\r\nExpect: 100-continue\r\n"
    b"Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}",
]
PIECES = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b"%", b"\xff", b"/", b";"]
PIECES += [b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1", b"0\r\n\r\n"]

pieces = st.one_of(st.sampled_from(PIECES), st.binary(max_size=3))
changes = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 8), pieces), min_size=1, max_size=4
)


def changed(request, changes):
    """Replace `length` bytes at each position with a piece."""
    for at, length, piece in changes:
        at %= len(request) + 1
        request = request[:at] + piece + request[at + length :]
    return request


@pytest.fixture
def place_without_errors(place):
    """A place; after all examples its log must show no crash and no bug."""
    yield place
    assert error_lines(place.service) == []


@settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(good=st.sampled_from(GOOD), changes=changes)
def test_mutated_request_is_never_a_server_error(place_without_errors, good, changes):
    statuses = {answer.status for answer in answers(place_without_errors, changed(good, changes))}
    assert not statuses & {500, 502, 503, 504}
    assert statuses <= {0, 200, 301, 501, 505, *range(400, 500)}


def answers(place, request):
    """Send a request, half-close if there is no TLS, and read to the end."""
    data = b""
    with contextlib.closing(place.connect()) as connection, contextlib.suppress(OSError):
        connection.settimeout(3)
        connection.sendall(request)
        if place.front:
            connection.settimeout(0.03)
        else:
            connection.shutdown(socket.SHUT_WR)
        while more := connection.recv(65536):
            data += more
    return parse(data)[0]
