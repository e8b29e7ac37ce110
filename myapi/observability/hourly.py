"""Counts of what happens, by the hour, in the memory of one process; `audit` writes them."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from myapi.clock import now

Counts: TypeAlias = dict[tuple[datetime, str], int]  # by the beginning of the hour, and the name


class HourlyCounts:
    """Threads share it. Counting costs an addition: requests do it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # `+=` on a number in a dictionary is no single step
        self._counts: Counter[tuple[datetime, str]] = Counter()
        #: Called after each count; it must be quick.
        self.on_count: Callable[[], None] = lambda: None

    def count(self, name: str) -> None:
        """Count one more of `name`: ASCII, at most 64 characters, one of few."""
        hour = beginning_of_hour(now())
        with self._lock:
            self._counts[hour, name] += 1
        self.on_count()

    def take(self) -> Counts:
        """Return what was counted, and begin anew."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return dict(taken)

    def give_back(self, counts: Counts) -> None:
        """Add what was taken and could not be written."""
        with self._lock:
            self._counts.update(counts)


def beginning_of_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
