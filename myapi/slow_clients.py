"""A worker of Gunicorn: gthread, in which no client can keep a thread, or the loop, waiting.

gthread reads in a thread and without an end, so that as many clients as there are threads stop
the service by sending half a request. Here a thread takes up a connection when there is something
to read, keeps what has come with it, and lets it go back into the loop until the request is whole.
Nginx does the same before it, so that is for who reaches Gunicorn itself.
"""

import enum
import errno
import os
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

PATIENCE = 10.0  # s for a request to become whole, and again to be answered; Nginx waits as long
LINGER = 2.0  # s for a client to read a last answer and to close
MOMENT = 0.01  # s that a thread spends on a new connection: mostly its request is near
MAX_HEAD = 32 * 1024  # bytes; a head of 50 headers is far smaller, and Nginx passes 16 KiB
MAX_BODY = 64 * 1024  # bytes of a body that is waited for without a thread

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n|$)")


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # Gunicorn has no types
    """gthread, patient for `PATIENCE` seconds with each request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._until: dict[TConn, float] = {}  # when our patience with a request under way ends
        self._watched: set[TConn] = set()  # those of them that no thread has
        self._next_look = self._next_warning = 0.0
        # The threads that may wait for the rest of a request.
        self._readers = threading.Semaphore(max(1, self.cfg.threads // 4))

    # ---- on the main thread ----

    def accept(self, listener: socket.socket) -> None:
        """Go on where there are no more file descriptors: some will be given back."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                raise
            if time.monotonic() > self._next_warning:
                self.log.warning("no connection can be taken just now: %s", error)
                self._next_warning = time.monotonic() + PATIENCE
            time.sleep(0.1)  # or the loop would ask again at once

    def enqueue_req(self, conn: TConn) -> None:
        self._until.setdefault(conn, time.monotonic() + PATIENCE)
        super().enqueue_req(conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        outcome = None if fs.cancelled() or fs.exception() else fs.result()
        if outcome is _DEFER:
            self._watch(conn, self._resume)
            return
        del self._until[conn]
        if outcome:
            super().finish_request(conn, fs)
        else:
            self._part(conn)

    def murder_pending(self) -> None:
        """End what takes too long; the loop asks in each round, and we look once a second."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + 1
        for conn, until in list(self._until.items()):
            if until > now:
                continue
            if conn in self._watched:
                self._unwatch(conn)
                self._close(conn)
            else:
                _cut(conn, entirely=until + PATIENCE < now)

    def _watch(self, conn: TConn, callback: Callable[[TConn], None]) -> None:
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, lambda _sock: callback(conn))
        self._watched.add(conn)

    def _unwatch(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        self._watched.remove(conn)

    def _resume(self, conn: TConn) -> None:
        self._unwatch(conn)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _part(self, conn: TConn) -> None:
        """Close, once the client has: if it still sends, a reset would take its last answer away.

        gthread waits for that on the main thread, where a client that does not close stops all
        others for two seconds.
        """
        self._until[conn] = time.monotonic() + LINGER
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._watch(conn, self._drain)
        except OSError:  # it is gone
            self._close(conn)

    def _drain(self, conn: TConn) -> None:
        try:
            ended = not conn.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._unwatch(conn)
            self._close(conn)

    def _close(self, conn: TConn) -> None:
        del self._until[conn]
        self.nr_conns -= 1
        conn.close()

    # ---- in a thread ----

    def handle(self, conn: TConn) -> Any:  # noqa: ANN401
        if conn.cfg.is_ssl:  # what is read is not what was sent
            return super().handle(conn)
        try:
            come = _read(conn)
        except LimitRequestHeaders as error:
            self.handle_error(None, conn.sock, conn.client, error)
            return False
        if come is Come.WHOLE:
            return super().handle(conn)
        if come is Come.OPEN and self._readers.acquire(blocking=False):
            try:
                return super().handle(conn)
            finally:
                self._readers.release()
        return _DEFER

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Close where a body that nobody wanted is malformed: its request has been answered.

        Whoever stays with the connection for the next request begins it with all our patience.
        """
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except Exception:
            return False
        finally:
            self._until[conn] = time.monotonic() + PATIENCE


class Come(enum.Enum):
    """What there is of a request."""

    WHOLE = "a thread can answer it without waiting"
    OPEN = "a thread has to read on: the length is not known, or the client waits for our word"
    PART = "more has to come first"


def _read(conn: TConn) -> Come:
    """Read what is there; raises `LimitRequestHeaders`."""
    conn.init()
    if conn.sock.getblocking():  # it was never watched for this request
        conn.sock.settimeout(MOMENT)
    held = conn.parser.unreader.buf
    held.seek(0, os.SEEK_END)
    try:
        while (come := _come(held.getvalue())) is not Come.WHOLE:
            data = conn.sock.recv(65536)
            if not data:  # it has closed its side: the parser says what is missing
                return Come.WHOLE
            held.write(data)
            conn.sock.setblocking(False)
    except (BlockingIOError, TimeoutError):
        return come
    except OSError:  # it is gone, as the parser will find
        return Come.WHOLE
    return come


def _come(request: bytes) -> Come:
    """Judge by the head, as roughly as is safe: what is odd is whole, and the parser refuses it."""
    head, ended, body = request.partition(b"\r\n\r\n")
    if not ended:
        if len(request) > MAX_HEAD:
            raise LimitRequestHeaders("the head is too large")
        bare = request.count(b"\n") != request.count(b"\r\n")
        return Come.WHOLE if bare else Come.PART
    head = head.lower()
    if b"\r\ntransfer-encoding:" in head:
        return Come.WHOLE if body.endswith(b"0\r\n\r\n") else Come.OPEN
    lengths = _LENGTH.findall(head)
    if len(lengths) != 1 or len(body) >= int(lengths[0]) or int(lengths[0]) > MAX_BODY:
        return Come.WHOLE
    return Come.OPEN if b"\r\nexpect:" in head else Come.PART


def _cut(conn: TConn, *, entirely: bool) -> None:
    """Let a thread that waits for more of this request find its end; or end its answer too."""
    with suppress(OSError):
        conn.sock.shutdown(socket.SHUT_RDWR if entirely else socket.SHUT_RD)
