"""A TCP server for tests, plain or over TLS, whose answers a test chooses."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable

from tests.certificates import Pair

HELLO = b'{"code": 0, "msg": "Hello from Aliyun Lighthouse!", "time": "2026-01-01T00:00:00Z"}'

Behaviour = Callable[[socket.socket], None]


class Peer:
    """Calls `behave` with each connection, in its own thread; over TLS if `pair` is given."""

    def __init__(
        self,
        behave: Behaviour,
        pair: Pair | None = None,
        *,
        resets: str | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """A TLS handshake that names the host `resets` is reset, as a censor would do."""
        self._behave = behave
        self._resets = resets
        self._context = None
        if pair is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*pair)
        self.closing = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=64)
        self.host, self.port = host, self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Peer:
        self._threads[0].start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):  # wakes up accept()
            socket.create_connection((self.host, self.port), timeout=5).close()
        for thread in self._threads:
            thread.join(30)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.closing.is_set():
                connection.close()
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with connection, contextlib.suppress(OSError):
            if self._resets and self._resets.encode() in connection.recv(4096, socket.MSG_PEEK):
                # With a linger time of 0 the kernel closes with RST instead of FIN.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if self._context is None:
                self._behave(connection)
                return
            with self._context.wrap_socket(connection, server_side=True) as tls:
                self._behave(tls)


def answering(
    status: str = "200 OK", body: bytes = HELLO, content_type: str = "application/json", **headers
) -> Behaviour:
    """Read one whole request, then send this answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    answer = "\r\n".join([*lines, "", ""]).encode() + body

    def behave(connection: socket.socket) -> None:
        if read_request(connection):
            connection.sendall(answer)

    return behave


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
            while len(body) < length and (more := connection.recv(65536)):
                body += more
    return head + b"\r\n\r\n" + body
