"""One client of the worker: what has come of its request, and sending it an answer."""

import enum
import re
import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders

from myapi.worker.plain import Reader

MAX_HEAD = 32 * 1024  # bytes; a head of 50 headers is far smaller, and Nginx passes 16 KiB
MAX_BODY = 64 * 1024  # bytes of a body that is waited for without a thread

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n|$)")


class Connection:
    """A socket that does not block, but where a thread reads on in it or sends a long answer."""

    def __init__(self, sock: socket.socket, client: Any, server: Any, reader: Reader) -> None:  # noqa: ANN401
        sock.setblocking(False)
        self.sock = sock
        self.client, self.server = client, server  # addresses, as the socket module has them
        self.reader = reader
        self.held = b""  # what has come and is not answered
        self.until = 0.0  # when our patience with it ends, by the monotonic clock
        self.idle = False  # between two requests
        self.busy = False  # a thread has it
        self.muted = False  # the loop does not listen to it
        self.again = False  # what is held has to be looked at, though nothing new may come
        self.ended = False  # the client sends no more
        self.parting = False  # it has had its last answer
        self.closed = False

    @property
    def is_aside(self) -> bool:
        """Whether it is left alone, until a thread is free to read on in it."""
        return self.muted and not self.busy

    def receive(self) -> bool:
        """Take what is there; False when there is nothing."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError:  # it is gone
            data = b""
        if data:
            self.held = self.held + data if self.held else data
        else:
            self.ended = True
        return True

    def send(self, data: bytes) -> bytes:
        """Send what can be sent at once; return the rest."""
        try:
            return data[self.sock.send(data) :]
        except BlockingIOError:
            return data

    def send_all(self, data: bytes) -> None:
        """Wait until all is sent."""
        self.sock.setblocking(True)
        self.sock.sendall(data)
        self.sock.setblocking(False)

    def allow(self, seconds: float) -> None:
        """Have patience with it for so long from now on."""
        self.until = time.monotonic() + seconds

    def cut(self, *, entirely: bool) -> None:
        """Let a thread that waits for more of this request find its end; or end its answer too."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR if entirely else socket.SHUT_RD)


class Come(enum.Enum):
    """What there is of a request."""

    WHOLE = "a thread can answer it without waiting"
    OPEN = "a thread has to read on: the length is not known, or the client waits for our word"
    PART = "more has to come first"


def come(request: bytes) -> Come:
    """Judge by the head, as roughly as is safe: what is odd is whole, and the parser refuses it.

    Raises `LimitRequestHeaders`.
    """
    head, ended, body = request.partition(b"\r\n\r\n")
    if not ended:
        if len(request) > MAX_HEAD:
            raise LimitRequestHeaders("the head is too large")
        bare = request.count(b"\n") != request.count(b"\r\n")
        return Come.WHOLE if bare else Come.PART
    head = head.lower()
    if b"\r\ntransfer-encoding:" in head:
        return Come.OPEN
    lengths = _LENGTH.findall(head)
    if len(lengths) != 1:
        return Come.OPEN if b"\r\ncontent-length:" in head else Come.WHOLE
    length = int(lengths[0])
    if len(body) >= length:
        return Come.WHOLE
    return Come.OPEN if length > MAX_BODY or b"\r\nexpect:" in head else Come.PART
