"""A fair queue in front of a connection pool: first come, first served, with a bound.

SQLAlchemy's pool is not fair: a connection that is given back may go to a request that came last,
while those that wait run out of time.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc


class FairQueue:
    """Lets `places` callers in at once. The next one waits up to `wait` seconds."""

    def __init__(self, places: int, wait: float) -> None:
        self._free = places
        self._wait = wait
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises SQLAlchemy's TimeoutError if none becomes free in time."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        with self._guard:
            if self._free:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            has_place = turn.acquire(timeout=self._wait)
        except BaseException:  # the request was broken off: see concurrency.bounded
            if not self._give_up(turn):
                self.leave()
            raise
        if not has_place and self._give_up(turn):
            raise sqlalchemy.exc.TimeoutError("too many requests wait for the database")

    def leave(self) -> None:
        """Hand the place to the request that has waited for longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def _give_up(self, turn: threading.Lock) -> bool:
        """Leave the queue; False if a place was handed over at this very moment."""
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return True
        return False
