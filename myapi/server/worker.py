"""The Gunicorn worker: Gunicorn's gevent worker with a short way for plain requests.

Nginx sends nearly all requests in one form. One regular expression reads these, one write answers
them. All others are left to Gunicorn, untouched, and their connection is closed after the answer.
"""

import functools
import io
import logging
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from ipaddress import ip_address, ip_network
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn import util
from gunicorn.http.wsgi import base_environ
from gunicorn.workers.ggevent import GeventWorker

from myapi.concurrency import let_reads_first
from myapi.server import watchdog
from myapi.server.bounded_socket import BoundedSocket

log = logging.getLogger("gunicorn.error")

TIMEOUT = 10.0  # s for a request to arrive, and for its answer to be read; as in Nginx
LINGER = 0.5  # s; at a stop, a connection that was idle for less may have a request on its way
TICK = 0.2  # s between two looks for idle connections
PLAIN = 16384  # bytes of a request on the short way; longer ones are left to Gunicorn
DRAIN = 16 * 2**20  # bytes of a refused body that are read, or its client would miss the answer

Address = tuple[str, int] | str  # of TCP; or the path of a Unix socket, empty for its clients
Environ = dict[str, Any]
Headers = list[tuple[str, str]]


class Worker(GeventWorker):  # type: ignore[misc]  # Gunicorn has no types
    """Serves HTTP/1 without TLS, which is Nginx's."""

    def run(self) -> None:
        self._idle: dict[socket.socket, tuple[float, float]] = {}  # since when, and how long
        self.wsgi = watchdog.start(self.app.wsgi())
        handle, pool = self.handle, Pool(self.worker_connections)
        servers = [Listener(s, functools.partial(handle, s), spawn=pool) for s in self.sockets]
        for server in servers:
            server.start()
        while self.alive:
            self._tick()
        for server in servers:
            server.close()
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while len(pool) and time.monotonic() < deadline:
            self._tick()
        pool.kill(timeout=1)

    def _tick(self) -> None:
        """Tell Gunicorn that we live, and end connections that were idle for too long."""
        self.notify()
        now = time.monotonic()
        for client, (since, patience) in list(self._idle.items()):
            if now - since > (patience if self.alive else LINGER):
                with suppress(OSError):  # what arrives at this moment is still answered
                    client.shutdown(socket.SHUT_RD)
        gevent.sleep(TICK)

    def handle(self, listener: socket.socket, client: socket.socket, addr: Address) -> None:
        try:
            with suppress(OSError):  # the connection is lost
                self._serve(listener, client, addr)
        finally:
            self._idle.pop(client, None)
            util.close_graceful(client, max_drain=DRAIN)

    def _serve(self, listener: socket.socket, client: socket.socket, addr: Address) -> None:
        """Answer the requests of one connection, one after the other."""
        reader, hub = Reader(self.cfg, addr, listener.getsockname()), gevent.get_hub()
        patience, keepalive = TIMEOUT, self.cfg.keepalive
        client.settimeout(TIMEOUT)
        with hub.loop.io(client.fileno(), 1) as readable:
            while True:
                self._idle[client] = (time.monotonic(), patience)
                hub.wait(readable)  # even if a request is there: other connections come first
                del self._idle[client]
                if not (held := client.recv(PLAIN, socket.MSG_PEEK)):
                    return
                environ, size = reader.read(held)
                if not environ:  # often the body is just behind its head
                    gevent.sleep(0.005)
                    environ, size = reader.read(client.recv(PLAIN, socket.MSG_PEEK))
                if not environ:  # Gunicorn closes its socket, so it gets a copy
                    super().handle(listener, BoundedSocket(client, TIMEOUT), addr)
                    return
                client.recv(size)
                if not self._answer(client, environ):
                    return
                patience = keepalive

    def _answer(self, client: socket.socket, environ: Environ) -> bool:
        """Send what the app answers; return whether the connection is kept."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            log.info("Autorestarting worker after current request.")
            self.alive: bool = False
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            let_reads_first()
        try:
            status, headers, body = respond(self.wsgi, environ)
            kept = self.alive and environ.get("HTTP_CONNECTION", "").lower() != "close"
            answer = encode(status, headers, body, environ["REQUEST_METHOD"], kept=kept)
        except (Exception, SystemExit) as error:
            self.handle_error(None, client, None, error)
            return False
        if (sent := client.send(answer)) < len(answer):
            client.sendall(answer[sent:])
        return kept

    def handle_request(self, listener_name: Address, req: Any, sock: Any, addr: Address) -> None:  # noqa: ANN401
        req.force_close()
        super().handle_request(listener_name, req, sock, addr)
        raise StopIteration  # after SystemExit too, of which Gunicorn would make nothing


class Listener(StreamServer):  # type: ignore[misc]
    """Survives a lack of file descriptors."""

    max_accept = 1  # connection at a time: other workers may be idle

    def do_read(self) -> Any:  # noqa: ANN401
        try:
            return super().do_read()
        except OSError as error:
            log.warning("no connection can be taken just now: %s", error)
            raise gevent.GreenletExit from error  # gevent prints nothing, and tries again later


_HEAD = re.compile(
    r"(GET|POST|PUT|DELETE|HEAD|OPTIONS) ((/[\w.~/-]*)(?:\?([\w.~%=&+-]*))?) HTTP/1\.1\r\n"
    r"((?:[A-Za-z0-9-]+: ?[!-~](?:[ -~]*[!-~])?\r\n){1,50})\r\n",
    re.ASCII,
)
# Another end of the body, another word on the scheme, or a wish for more than an answer.
_ODD = ("TRANSFER_ENCODING", "EXPECT", "UPGRADE", "X_FORWARDED_PROTOCOL", "X_FORWARDED_SSL")
_UNUSUAL = {f"HTTP_{name}" for name in _ODD}


class Reader:
    """Reads the plain requests of one connection into the environ that Gunicorn would make."""

    def __init__(self, config: Any, client: Address, server: Address) -> None:  # noqa: ANN401
        fixed = {"SERVER_PROTOCOL": "HTTP/1.1", "SCRIPT_NAME": "", "wsgi.url_scheme": "http"}
        self._environ = base_environ(config) | fixed | {"wsgi.multithread": True}
        self._environ["REMOTE_ADDR"], self._trusted = client, True  # for a Unix socket
        if isinstance(client, tuple):
            allowed, address = config.forwarded_allow_ips, ip_address(client[0])
            self._trusted = any(each == "*" or address in ip_network(each) for each in allowed)
            self._environ |= {"REMOTE_ADDR": client[0], "REMOTE_PORT": str(client[1])}
        if isinstance(server, tuple):
            self._environ |= {"SERVER_NAME": server[0], "SERVER_PORT": str(server[1])}

    def read(self, held: bytes) -> tuple[Environ, int]:
        """Return the request that `held` begins with, and its size; ({}, 0) if it is not plain."""
        end = held.find(b"\r\n\r\n", 0, 4094) + 4  # Gunicorn's limit, for the first line alone
        head = _HEAD.fullmatch(held[:end].decode("latin-1"))
        if head is None:
            return {}, 0
        method, uri, path, query, lines = head.groups()
        target = {"RAW_URI": uri, "PATH_INFO": path, "QUERY_STRING": query or ""}
        environ = {**self._environ, "REQUEST_METHOD": method, **target}
        fields, before = lines.split("\r\n")[:-1], len(environ)
        for field in fields:
            name, _, value = field.partition(":")
            environ[_key(name)] = value.strip(" ")
        length = environ.get("CONTENT_LENGTH", "0")
        size = end + int(length) if length.isascii() and length.isdigit() else len(held) + 1
        unusual = len(environ) != before + len(fields) or not _UNUSUAL.isdisjoint(environ)
        if unusual or "HTTP_HOST" not in environ or len(held) < size:
            return {}, 0
        if self._trusted and environ.get("HTTP_X_FORWARDED_PROTO") == "https":
            environ["wsgi.url_scheme"] = "https"
        if "SERVER_NAME" not in environ:  # a Unix socket has none
            name, *ports = environ["HTTP_HOST"].split(":")
            port = "443" if environ["wsgi.url_scheme"] == "https" else "80"
            environ["SERVER_NAME"], environ["SERVER_PORT"] = name, ports[0] if ports else port
        environ["wsgi.input"] = io.BytesIO(held[end:size])
        return environ, size


@functools.lru_cache(256)
def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


_ANSWER = re.compile(
    r"[0-9]{3} [ \t!-~\x80-\xff]*\r\n(?:[\w!#$%&'*+.^`|~-]+: [ \t!-~\x80-\xff]*\r\n)*", re.ASCII
)
_OURS = {"connection", "keep-alive", "transfer-encoding", "upgrade", "date", "server"}
_date = functools.lru_cache(1)(functools.partial(formatdate, usegmt=True))  # by the second


def respond(app: Callable[..., Any], environ: Environ) -> tuple[str, Headers, bytes]:
    """Return the status, headers and body of a WSGI app's answer; raise what it raises."""
    begun: list[Any] = []
    written: list[bytes] = []

    def start(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], Any]:  # noqa: ANN401
        if begun and not exc_info:
            raise ValueError("the answer has begun already")
        begun[:] = status, headers
        written.clear()
        return written.append

    result = app(environ, start)
    try:
        body = b"".join([*written, *result])
    finally:
        if hasattr(result, "close"):
            result.close()
    return begun[0], begun[1], body  # raises IndexError where the app has begun nothing


def encode(status: str, headers: Headers, body: bytes, method: str, *, kept: bool) -> bytes:
    """Write an answer for the wire. Raises ValueError where it would be no HTTP."""
    lines, length = [f"{status}\r\n"], str(len(body))
    for name, value in headers:
        lowered = name.lower()
        if lowered == "content-length":
            length = value
        elif lowered not in _OURS:
            lines.append(f"{name}: {value}\r\n")
    bodiless = status.startswith(("204", "304"))
    lines += [] if bodiless else [f"Content-Length: {length}\r\n"]
    if bodiless or method == "HEAD":
        body = b""
    elif length != str(len(body)):
        raise ValueError(f"{len(body)} bytes where {length} were promised")
    head = "".join(lines)
    # A line break in a value would pass the expression, but not the count.
    if not _ANSWER.fullmatch(head) or head.count("\n") != len(lines):
        raise ValueError(f"no HTTP in the head of a {status!r}")
    last = f"Date: {_date(int(time.time()))}\r\nConnection: {'keep-alive' if kept else 'close'}"
    return f"HTTP/1.1 {head}Server: gunicorn\r\n{last}\r\n\r\n".encode("latin-1") + body
