"""Servers that answer with rubbish, with too much, or too slowly."""

import gzip
import random
import time

import pytest

from doctor import OUTSIDE, render
from tests.tls import Peer

ENDLESS_HEADERS = b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 300_000


HOSTILE = {
    "nothing": lambda source: b"",
    "random": lambda source: source.randbytes(source.randrange(1, 5000)),
    "random after a status": lambda source: b"HTTP/1.1 200 OK\r\n\r\n" + source.randbytes(2000),
    "endless headers": lambda source: ENDLESS_HEADERS,
    "many headers": lambda source: b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000,
    "a huge body": lambda source: b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 3_000_000,
    "a lying length": lambda source: b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n{}",
    "a negative length": lambda source: b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "odd chunks": lambda source: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFF\r\n{\r\nzz\r\n"
    ),
    "a bomb": lambda source: (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"\0" * 50_000_000)
    ),
    "deep JSON": lambda source: b"HTTP/1.1 200 OK\r\n\r\n" + b'{"a":' * 20_000,
    "escape codes": lambda source: (
        b"HTTP/1.1 404 \x1b[2J\r\nContent-Type: \x1b[31m\r\nDate: \xff\r\n"
        b"Location: \x1b]0;x\x07\r\n\r\n\x1b[2J\xe2\x80\xae" + b"\x00" * 10
    ),
    "a status of letters": lambda source: b"HTTP/1.1 OK\r\n\r\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("over", ["tls", "nothing"])
def test_hostile_response_neither_raises_nor_hangs(look, pair, kind, over):
    source = random.Random(kind)

    def behave(connection):
        if over == "tls":
            connection.recv(65536)
        connection.sendall(HOSTILE[kind](source))

    started = time.monotonic()
    with Peer(behave, pair if over == "tls" else None) as peer, Peer(behave) as plain:
        results = look(peer, plain, timeout=10)
    assert time.monotonic() - started < 25
    assert not any(
        "cannot judge: " in each.evidence.en and "Error" in each.evidence.en
        for each in results.values()
    ), results
    for language in ("en", "zh"):
        text = render(list(results.values()), "ok", language)
        assert all(character.isprintable() or character == "\n" for character in text)
        assert max(map(len, text.splitlines())) < 600


@pytest.mark.parametrize("over", ["tls", "nothing"])
def test_dripping_response_is_cut_off(look, pair, over):
    def behave(connection):
        for byte in b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000:
            connection.sendall(bytes([byte]))
            if peer.closing.wait(0.05):
                return

    started = time.monotonic()
    with Peer(behave, pair if over == "tls" else None) as peer:
        results = look(peer, peer, timeout=3)
        assert time.monotonic() - started < 8
    assert len(results) == len(OUTSIDE)
