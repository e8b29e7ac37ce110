"""A call's deadline, and the sockets that keep it.

The time-outs of `requests` are for one wait each: a server that sends a byte a second outlasts
them for ever. Here the deadline travels in a context variable, and each wait on the socket (TLS
handshake, send, receive) may take what is left. No second thread has to break off a wait, so none
is left behind by one.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class Waits(Protocol):
    """Told of each wait for the other side, so that somebody else can go on meanwhile."""

    def waiting(self) -> AbstractContextManager[None]:
        """Surrounds a wait."""

    def until_readable(self, sock: socket.socket, seconds: float) -> None:
        """Goes before a read, and may wait until there is something, or for so long at most."""


class Alone:
    """Nobody is there to go on."""

    def waiting(self) -> AbstractContextManager[None]:
        return nullcontext()

    def until_readable(self, sock: socket.socket, seconds: float) -> None:
        pass


@dataclass(frozen=True)
class Call:
    """One call: when it ends (`time.monotonic()` seconds), and the query that it carries."""

    deadline: float
    query: str = field(repr=False)
    waits: Waits = field(default_factory=Alone)

    def remaining(self) -> float:
        """Tell the seconds left, above 0. Raises TimeoutError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call has used up its time")
        return left


_call: ContextVar[Call] = ContextVar("wechat_call")


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """Make `call` the one that this thread's connections work for."""
    token = _call.set(call)
    try:
        yield
    finally:
        _call.reset(token)


def current_call() -> Call:
    """Return the call that this thread is making. Raises LookupError outside of one."""
    return _call.get()


class BoundedSocket(socket.socket):
    """A socket whose every wait is cut to what is left of the call."""

    def recv_into(
        self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0
    ) -> int:
        self._bound_read()
        return super().recv_into(buffer, nbytes or 0, flags)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self._bound_read()
        return super().recv(buflen, flags)

    def send(self, data: "ReadableBuffer", flags: int = 0, **options: float) -> int:
        """Take the `timeout` of gevent's socket too, where that is what is extended."""
        self._bound()
        return super().send(data, flags, **options)

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        self._bound()
        super().sendall(data, flags)

    def _bound_read(self) -> None:
        call = current_call()
        if not self._has_more():
            call.waits.until_readable(self, call.remaining())
        self.settimeout(call.remaining())

    def _has_more(self) -> bool:
        """Whether some of what has come is not to be seen at the socket."""
        return False

    def _bound(self) -> None:
        self.settimeout(current_call().remaining())


class BoundedTLSSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS. Python bounds a handshake, or the read of a record, as a whole."""

    def do_handshake(self, block: bool = False) -> None:
        self._bound()
        with current_call().waits.waiting():
            super().do_handshake(block)

    def _has_more(self) -> bool:
        return self.pending() > 0
