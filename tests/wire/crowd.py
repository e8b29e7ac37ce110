"""Many simultaneous slow clients, each with its own connection."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.wire.cases import CHUNKED, HOST, POST
from tests.wire.replies import Connect

HELLO = b"GET /api/hello HTTP/1.1\r\n" + HOST + b"\r\n\r\n"


class Kind(NamedTuple):
    """What a client sends first, what it sends every second, and how many bytes it reads then."""

    first: bytes
    drip: bytes = b""
    reads: int = 65536


KINDS = {
    "send nothing": Kind(b""),
    "drip a head": Kind(b"GET /api/hello HTTP/1.1\r\nX: ", b"x"),
    "drip a body": Kind(POST + b"Content-Length: 1000\r\n\r\n", b"x"),
    "drip a chunk": Kind(CHUNKED + b"3e8\r\n", b"x"),
    "stop in a chunk that looks like the last one": Kind(CHUNKED + b"ff\r\n0\r\n\r\n"),
    "send none of a long body": Kind(POST + b"Content-Length: 100000\r\n\r\n"),
    "wait for 100 and drip": Kind(
        POST + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n", b"x"
    ),
    "drip an answer": Kind(HELLO * 5, b"", 1),
    "do not close": Kind(b"NOT HTTP AT ALL\r\n\r\n"),
}


class Crowd:
    """Opens `count` connections, cycling through the kinds, and keeps them while the block runs."""

    def __init__(self, connect: Connect, kinds: list[Kind], count: int = 1000) -> None:
        self._connect = connect
        self._kinds = list(itertools.islice(itertools.cycle(kinds), count))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._drip)
        self._open: dict[socket.socket, Kind] = {}

    def __enter__(self) -> Crowd:
        with ThreadPoolExecutor(16) as threads:
            self._open = dict(threads.map(self._enter, self._kinds))
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopped.set()
        self._thread.join()
        for connection in self._open:
            connection.close()

    @property
    def left(self) -> int:
        """How many connections the server has not closed."""
        return len(self._open)

    def _enter(self, kind: Kind) -> tuple[socket.socket, Kind]:
        connection = self._connect()
        if kind.reads < 1024:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.sendall(kind.first)
        connection.setblocking(False)
        return connection, kind

    def _drip(self) -> None:
        while not self._stopped.wait(1):
            for connection, kind in list(self._open.items()):
                try:
                    connection.send(kind.drip)
                    if not connection.recv(kind.reads):
                        raise ConnectionResetError
                except (BlockingIOError, ssl.SSLWantReadError):
                    continue
                except OSError:
                    connection.close()
                    del self._open[connection]
