"""Places for those who wait for a database, and whether it answers them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import sqlalchemy.exc

from myapi import waits

SILENCE = 1.0  # s in which somebody waits, and nobody gets an answer


class Pulse:
    """A context manager around what the threads of a process ask of a database.

    There are fewer places than threads. Who finds none free waits for one, but not long. After
    a silence the database hangs: until it answers again one caller at a time finds out whether
    it does, and the others are refused at once. So some thread is free, whatever happens there,
    for the calls that need no database. To refuse is to raise SQLAlchemy's TimeoutError.
    """

    def __init__(self, places: int, wait: float) -> None:
        self._places = places
        self._wait = wait
        self._changed = threading.Condition()
        self._inside = 0
        self._silent_since = 0.0
        self._hangs = False

    def __enter__(self) -> None:
        self._enter(self._wait)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._inside -= 1
            if not isinstance(error, sqlalchemy.exc.SQLAlchemyError):
                self._hangs = False
                self._silent_since = time.monotonic()
            elif self._is_silent():
                self._hangs = True
            self._changed.notify()

    @contextmanager
    def within(self, wait: float) -> Iterator[None]:
        """Do the same, but wait for a place so many seconds."""
        self._enter(wait)
        try:
            yield
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        self.__exit__(None, None, None)

    def _enter(self, wait: float) -> None:
        with self._changed:
            if self._inside:
                self._find_place(time.monotonic() + wait)
            else:
                self._silent_since = time.monotonic()
            self._inside += 1

    def _find_place(self, deadline: float) -> None:
        while self._inside and (self._hangs or self._inside >= self._places):
            if self._hangs or self._is_silent():
                self._hangs = True
                raise sqlalchemy.exc.TimeoutError("the database does not answer")
            left = deadline - time.monotonic()
            if left <= 0:
                raise sqlalchemy.exc.TimeoutError("too many wait for the database")
            waits.pass_on()
            self._changed.wait(min(left, SILENCE))

    def _is_silent(self) -> bool:
        return time.monotonic() - self._silent_since > SILENCE
