"""A connection that Gunicorn serves, bounded by how long its client takes, and by nothing else.

A bound around the whole request would break a view off that takes its time, with the wrong error.
"""

import errno
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from gevent.socket import socket

T = TypeVar("T")


class BoundedSocket(socket):  # type: ignore[misc]  # gevent has no types
    """Gives a request so many seconds to arrive, and each part of the answer as many to be read."""

    def __init__(self, client: socket, seconds: float) -> None:
        super().__init__(fileno=os.dup(client.fileno()))
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def recv(self, *args: Any) -> Any:  # noqa: ANN401
        return _within(self._end - time.monotonic(), super().recv, *args)

    def sendall(self, *args: Any) -> Any:  # noqa: ANN401
        return _within(self._seconds, super().sendall, *args)


def _within(seconds: float, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
    """Call it. If it takes too long, the connection counts as lost: Gunicorn logs no error."""
    with gevent.Timeout(max(0, seconds), ConnectionResetError(errno.ECONNRESET, "slow")):
        return function(*args)
