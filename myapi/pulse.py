"""Whether a database answers, so that the threads do not all wait for one that hangs."""

import threading
import time
from types import TracebackType

import sqlalchemy.exc

SILENCE = 1.0  # s in which somebody waits, and nobody gets an answer


class Pulse:
    """A context manager around all that one process asks of a database.

    When a call fails after a silence, the database hangs. Until it answers again one caller at
    a time finds out whether it does, and the others are refused at once with SQLAlchemy's
    TimeoutError: they would wait until no thread is left for calls that need no database.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0
        self._silent_since = 0.0
        self._hangs = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._waiting:
                self._silent_since = time.monotonic()
            elif self._hangs:
                raise sqlalchemy.exc.TimeoutError("the database does not answer")
            self._waiting += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        answered = not isinstance(error, sqlalchemy.exc.SQLAlchemyError)
        with self._lock:
            self._waiting -= 1
            now = time.monotonic()
            if answered:
                self._hangs = False
                self._silent_since = now
            elif now - self._silent_since > SILENCE:
                self._hangs = True
