"""HTTP/2 frames, written by hand because a client library would refuse to send them."""

from __future__ import annotations

import ssl
import struct
import time
from typing import NamedTuple

from tests.front import Front
from tests.wire.replies import TIMEOUT, Connect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, CONTINUATION = 0, 1, 3, 4, 7, 9
END_STREAM, END_HEADERS = 1, 4

Field = tuple[bytes, bytes]

PSEUDO: list[Field] = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"api.example.com"),
    (b":path", b"/api/me"),
]
POST: list[Field] = [
    (b":method", b"POST"),
    *PSEUDO[1:3],
    (b":path", b"/api/auth/login"),
    (b"content-type", b"application/json"),
]
POISON = b"GET /api/me HTTP/1.1\r\nHost: api.example.com\r\n\r\n"


class Case(NamedTuple):
    name: str
    frames: bytes
    waits: bool = False  # whether Nginx waits for more


def frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def block(fields: list[Field]) -> bytes:
    """Encode header fields as literals without indexing or compression."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, coded = len(text) - 127, bytearray([127])
    while rest >= 128:
        coded.append(rest % 128 + 128)
        rest //= 128
    return bytes(coded) + bytes([rest]) + text


def request(fields: list[Field], body: bytes | None = None) -> bytes:
    end = END_HEADERS | (END_STREAM if body is None else 0)
    sent = frame(HEADERS, end, block(fields))
    return sent + (frame(DATA, END_STREAM, body) if body is not None else b"")


def get(*fields: Field) -> bytes:
    return request([*PSEUDO, *fields])


def swapped(name: bytes, value: bytes) -> bytes:
    return request([(n, value if n == name else v) for n, v in PSEUDO])


CASES = [
    Case("a valid request", get()),
    Case("transfer-encoding", request([*POST, (b"transfer-encoding", b"chunked")], POISON)),
    Case("transfer-encoding with LF", get((b"x", b"y\r\ntransfer-encoding: chunked"))),
    Case("connection", get((b"connection", b"keep-alive, content-length"))),
    Case("upgrade", get((b"upgrade", b"h2c"))),
    Case("te", get((b"te", b"chunked"))),
    Case("content-length too small", request([*POST, (b"content-length", b"0")], POISON)),
    Case("content-length too large", request([*POST, (b"content-length", b"999")], b"{}")),
    Case("invalid content-length", request([*POST, (b"content-length", b"+2")], b"{}")),
    Case(
        "two content-lengths",
        request([*POST, (b"content-length", b"2"), (b"content-length", b"99")], b"{}"),
    ),
    Case("over the limit", request([*POST, (b"content-length", b"9000000")], b"{}")),
    Case("CR LF in a value", get((b"x", b"y\r\n\r\n" + POISON))),
    Case("LF in a value", get((b"x", b"y\nhost: evil.example"))),
    Case("NUL in a value", get((b"x", b"y\0z"))),
    Case("CR LF in a name", get((b"x: y\r\nz", b"z"))),
    Case("colon in a name", get((b"x:y", b"z"))),
    Case("space in a name", get((b"x y", b"z"))),
    Case("upper case in a name", get((b"X-Upper", b"z"))),
    Case("no name", get((b"", b"z"))),
    Case("CR LF in the path", swapped(b":path", b"/api/me HTTP/1.1\r\nx: y\r\n\r\n")),
    Case("space in the path", swapped(b":path", b"/api/me HTTP/1.1 x")),
    Case("NUL in the path", swapped(b":path", b"/api/me\0")),
    Case("path without a slash", swapped(b":path", b"api/me")),
    Case("absolute path", swapped(b":path", b"http://evil.example/api/me")),
    Case("empty path", swapped(b":path", b"")),
    Case("CR LF in the method", swapped(b":method", b"GET / HTTP/1.1\r\nx: y\r\n\r\n")),
    Case("method in lower case", swapped(b":method", b"get")),
    Case("empty method", swapped(b":method", b"")),
    Case("CONNECT", swapped(b":method", b"CONNECT")),
    Case("another scheme", swapped(b":scheme", b"file")),
    Case("CR LF in the scheme", swapped(b":scheme", b"https\r\nx: y")),
    Case("another authority", swapped(b":authority", b"evil.example")),
    Case("CR LF in the authority", swapped(b":authority", b"api.example.com\r\nx: y")),
    Case("host against the authority", get((b"host", b"evil.example"))),
    Case("two authorities", request([*PSEUDO, (b":authority", b"evil.example")])),
    Case("two paths", request([*PSEUDO, (b":path", b"/metrics")])),
    Case("two methods", request([*PSEUDO, (b":method", b"POST")])),
    Case("no path", request(PSEUDO[:3])),
    Case("no method", request(PSEUDO[1:])),
    Case("no authority", request([PSEUDO[0], PSEUDO[1], PSEUDO[3]])),
    Case("unknown pseudo header", get((b":status", b"200"))),
    Case("pseudo header behind others", request([*PSEUDO[:3], (b"x", b"y"), PSEUDO[3]])),
    Case("two authorizations", get(*[(b"authorization", b"Bearer a.b")] * 2)),
    Case("header of 9 KB", get((b"x", b"y" * 9000))),
    Case("400 headers of 30 bytes", get(*[(b"x", b"y" * 30)] * 400)),
    Case("bad compression", frame(HEADERS, END_HEADERS | END_STREAM, b"\xff" * 20)),
    Case("stream 0", frame(HEADERS, END_HEADERS | END_STREAM, block(PSEUDO), stream=0)),
    Case("stream of even number", frame(HEADERS, END_HEADERS | END_STREAM, block(PSEUDO), 2)),
    Case("DATA without HEADERS", frame(DATA, END_STREAM, b"{}"), waits=True),
    Case("CONTINUATION first", frame(CONTINUATION, END_HEADERS, block(PSEUDO))),
    Case(
        "frame of 16 MB",
        b"\xff\xff\xff" + bytes([HEADERS, 0]) + struct.pack(">I", 1) + POISON,
        waits=True,
    ),
    Case("SETTINGS of odd length", frame(SETTINGS, 0, b"12345", 0)),
    Case("HTTP/1.1 in its place", POISON, waits=True),
]


def to(front: Front) -> Connect:
    """Return a function that opens an HTTP/2 connection."""
    context = ssl.create_default_context(cafile=str(front.authority))
    return lambda: front.connect(context=context, protocols=["h2"])


def ask(connect: Connect, case: Case) -> str:
    """Send a case; return the status, "reset" (the stream), "closed" or "silence"."""
    with connect() as connection:
        deadline = time.monotonic() + TIMEOUT
        connection.settimeout(TIMEOUT)
        data = b""
        try:
            connection.sendall(PREFACE + frame(SETTINGS, 0, b"", 0) + case.frames)
            while time.monotonic() < deadline:
                more = connection.recv(65536)
                data += more
                outcome = _outcome(data)
                if outcome or not more:
                    return outcome or "closed"
        except TimeoutError:
            pass
        except OSError:
            return _outcome(data) or "closed"
        return "silence"


def _outcome(data: bytes) -> str:
    while len(data) >= 9:
        length = int.from_bytes(data[:3], "big")
        kind, payload = data[3], data[9 : 9 + length]
        data = data[9 + length :]
        if kind == HEADERS:
            return _status(payload)
        if kind in {RST_STREAM, GOAWAY}:
            return "reset" if kind == RST_STREAM else "closed"
    return ""


INDEXED = {
    0x88: "200",
    0x89: "204",
    0x8A: "206",
    0x8B: "304",
    0x8C: "400",
    0x8D: "404",
    0x8E: "500",
}
# Digits in the Huffman code of RFC 7541, appendix B.
DIGITS = {"00000": "0", "00001": "1", "00010": "2"} | {
    f"{22 + n:06b}": str(n) for n in range(3, 10)
}


def _status(payload: bytes) -> str:
    """Decode the status, Nginx's first header: an index, or a literal value."""
    while payload[0] & 0xE0 == 0x20:  # an update of the table size
        payload = payload[1:]
    if payload[0] in INDEXED:
        return INDEXED[payload[0]]
    raw = payload[2 : 2 + (payload[1] & 0x7F)]
    if not payload[1] & 0x80:
        return raw.decode()
    bits, status = "".join(f"{byte:08b}" for byte in raw), ""
    while len(status) < 3:
        size = 5 if bits[:5] in DIGITS else 6
        status, bits = status + DIGITS[bits[:size]], bits[size:]
    return status
