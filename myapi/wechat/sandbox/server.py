"""The sandbox as an HTTP server, built on Python's http.server."""

import logging
import os
import socket
import sys
import threading
from contextlib import suppress
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType

from .handler import Handler
from .state import Sandbox

log = logging.getLogger("myapi.wechat.sandbox")


class SandboxServer:
    """Serves a sandbox, in a thread or in the foreground. `with` starts and closes it."""

    def __init__(
        self,
        sandbox: Sandbox,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        latency: float = 0.0,
        slow: float = 5.0,
        drip: float = 1.0,
        push_url: str | None = None,
    ) -> None:
        """Bind the address; port 0 picks a free port. Raises OSError.

        All in seconds: `latency` delays every answer, `slow` delays an answer with the fault
        `slow`, and `drip` is the pause between two bytes of the drip faults. `push_url` is the
        service to which the events of messages are pushed.
        """
        self.sandbox = sandbox
        self.latency = latency
        self.slow = slow
        self.drip = drip
        self.push_url = push_url
        self.closing = threading.Event()
        self._serving = False
        handler = type("SandboxHandler", (Handler,), {"options": self})
        self._server = _Server(host, port, handler)

    @property
    def url(self) -> str:
        """The base URL for a client."""
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def start(self) -> None:
        """Serve in a daemon thread."""
        self._serving = True
        threading.Thread(target=self.serve_forever, name="wechat-sandbox", daemon=True).start()

    def serve_forever(self) -> None:
        """Serve until close() is called or the process is interrupted."""
        self._serving = True
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop serving and close every connection."""
        self.closing.set()
        if self._serving:
            with suppress(OSError):  # on Linux this wakes the thread now, not at its next look
                self._server.socket.shutdown(socket.SHUT_RDWR)
            self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "SandboxServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    # Benchmarks open far more connections at once than the default backlog of 5.
    request_queue_size = 1024
    daemon_threads = True
    # On Windows it would let a second server bind the same port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, host: str, port: int, handler: type[Handler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: set[socket.socket] = set()
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind would look up this host's name in DNS, which can take seconds.
        TCPServer.server_bind(self)

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for request in list(self._connections):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        # The client disconnected, for example after its time-out. A traceback would show the URL.
        log.debug("a connection ended early: %s", type(sys.exc_info()[1]).__name__)
