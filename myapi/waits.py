"""Whoever is about to wait for somebody else says so here, and who serves goes on without it.

That is a courtesy between the app and the worker of Gunicorn, which has one thread at a time
answer what comes: see worker. Elsewhere nobody listens, and nothing happens.
"""

from collections.abc import Callable


class _Listener:
    hears: Callable[[], None] | None = None


def tell(listener: Callable[[], None]) -> None:
    """Have `listener` called in the thread that is about to wait."""
    _Listener.hears = listener


def announce() -> None:
    """Say that this thread may well wait for longer than most requests take."""
    if _Listener.hears is not None:
        _Listener.hears()
