"""Whoever waits for somebody else says so here, and who serves goes on with other calls meanwhile.

    with waits.waiting():
        answer = socket.recv(65536)

That is a courtesy between the app and the worker of Gunicorn, in which one thread at a time has
the turn: see worker. Elsewhere nobody listens, and nothing happens.
"""

from types import TracebackType
from typing import Protocol


class Turn(Protocol):
    """What the thread that serves passes on while it waits, and then waits to have again."""

    def pass_on(self) -> None: ...

    def come_back(self) -> None: ...


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
    """Return a context manager for the time in which this thread waits.

    Whoever comes back may have to wait for the turn, so nothing that others wait for is held then.
    """
    return _waiting


def pass_on() -> None:
    """Begin to wait; `come_back` may follow much later, or never."""
    if _waiting.turn is not None:
        _waiting.turn.pass_on()


def come_back() -> None:
    """Go on with the turn; at once, where this thread has it still."""
    if _waiting.turn is not None:
        _waiting.turn.come_back()


def serve_by(turn: Turn | None) -> None:
    """Have this process's threads pass on `turn` while they wait."""
    _waiting.turn = turn
