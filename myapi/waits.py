"""Whoever waits for somebody else does so through here, and who serves goes on with other calls.

    with waits.waiting():
        name = socket.getaddrinfo(host, port)

That is a courtesy between the app and the worker of Gunicorn, in which one thread at a time has
the turn: see worker. Elsewhere nobody is told, and a wait is a wait.

Whoever has waited may have to wait for the turn too, so nothing that others want is held then.
"""

import socket
import threading
from types import TracebackType
from typing import Protocol


class Signal(Protocol):
    """What one thread waits for and another one gives, for each `wait` once."""

    def set(self, *, first: bool = False) -> None:
        """Have who waits, or will, go on: before all others if others wait for it."""

    def wait(self, seconds: float) -> bool:
        """Wait, without an end if `seconds` is -1; False when the time is up before."""


class Turn(Protocol):
    """What the thread that serves passes on while it waits, and then waits to have again."""

    def pass_on(self) -> None: ...

    def come_back(self, *, first: bool = False) -> None: ...

    def give_way(self) -> None: ...

    def until_readable(self, sock: socket.socket, seconds: float) -> None: ...

    def signal(self) -> Signal: ...


class _Plain:
    """A signal where nobody serves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self, *, first: bool = False) -> None:
        self._lock.release()

    def wait(self, seconds: float) -> bool:
        return self._lock.acquire(timeout=seconds)


class _Waiting:
    """One for all threads: it keeps nothing of theirs."""

    turn: Turn | None = None

    def __enter__(self) -> None:
        pass_on()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        come_back()


_waiting = _Waiting()


def waiting() -> _Waiting:
    """Return a context manager for the time in which this thread waits."""
    return _waiting


def pass_on() -> None:
    """Begin to wait; `come_back` may follow much later, or never."""
    if _waiting.turn is not None:
        _waiting.turn.pass_on()


def come_back(*, first: bool = False) -> None:
    """Go on with the turn: before all others, if these wait for what this thread holds."""
    if _waiting.turn is not None:
        _waiting.turn.come_back(first=first)


def give_way() -> None:
    """Let those go first who only read and have come meanwhile: between two parts of long work."""
    if _waiting.turn is not None:
        _waiting.turn.give_way()


def until_readable(sock: socket.socket, seconds: float) -> None:
    """Wait until there is something to read, or not at all: to read may have to wait still."""
    if _waiting.turn is not None:
        _waiting.turn.until_readable(sock, seconds)


def signal() -> Signal:
    """Make a signal; waiting for it passes the turn on."""
    return _Plain() if _waiting.turn is None else _waiting.turn.signal()


def serve_by(turn: Turn | None) -> None:
    """Have this process's threads pass on `turn` while they wait."""
    _waiting.turn = turn
