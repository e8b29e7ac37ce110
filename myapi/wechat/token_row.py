"""What all processes know of an access_token, where it is kept, and the rules of its changes.

The rules are plain functions of the row and the store's time, so a store does nothing but keep it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Protocol, TypeAlias, TypeVar

#: How long a process has for a renewal. Then another one may try: the first may have been killed.
CLAIM = timedelta(seconds=5)
#: After a dead token could not be replaced, how long nobody tries again.
GIVEN_UP = timedelta(seconds=10)
#: How long after a forced renewal of a series the next one may be made; no more than these.
FORCED_PAUSES = (
    timedelta(0),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
#: A series ends this long after its last one. So there are no more in any 24 hours.
FORCED_SERIES_END = timedelta(hours=24)

NONE = timedelta(0)

T = TypeVar("T")


@dataclass(frozen=True)
class Fetched:
    """What stable_token answered: a token, and its remaining life in seconds."""

    token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True)
class TokenRow:
    """What all processes know of the token of one AppID. All times are the store's."""

    token: str | None = field(default=None, repr=False)
    fetched_at: datetime | None = None
    expires_at: datetime | None = None
    renewing_until: datetime | None = None  # a process has claimed the renewal
    given_up_at: datetime | None = None  # the token is dead, and there was no other
    forced_count: int = 0  # forced renewals of a series
    forced_at: datetime | None = None  # the last of them

    def left(self, now: datetime) -> timedelta:
        """Return how long the token lives; zero or less if there is no living one."""
        return NONE if self.token is None or self.expires_at is None else self.expires_at - now

    def is_being_renewed(self, now: datetime) -> bool:
        until = self.renewing_until
        return until is not None and now < until <= now + CLAIM

    def is_given_up(self, now: datetime) -> bool:
        return self.given_up_at is not None and abs(now - self.given_up_at) < GIVEN_UP

    def forced_in_series(self, now: datetime) -> int:
        """Return how many forced renewals were made in the series that has not ended yet."""
        at = self.forced_at
        return 0 if at is None or not at <= now < at + FORCED_SERIES_END else self.forced_count

    def next_forced(self, now: datetime) -> datetime:
        """Return when a forced renewal may be made: now, or later."""
        made = self.forced_in_series(now)
        if made == 0 or self.forced_at is None:
            return now
        pause = FORCED_PAUSES[made] if made < len(FORCED_PAUSES) else FORCED_SERIES_END
        return max(now, self.forced_at + pause)


#: Makes a new row of the row as it is and of the store's time, and a result for the caller.
Change: TypeAlias = Callable[[TokenRow, datetime], tuple[TokenRow, T]]


class TokenStore(Protocol):
    """Where the row of one AppID is kept."""

    def load(self) -> tuple[TokenRow, datetime]:
        """Return the row, or an empty one, and the store's time."""

    def update(self, change: Change[T]) -> T:
        """Replace the row by what `change` makes of it; meanwhile no other process can change it.

        `change` may be called more than once: only the last call counts.
        """


class MemoryTokenStore:
    """Keeps the row in this process, for programs without a database."""

    def __init__(self) -> None:
        self._row = TokenRow()
        self._lock = threading.Lock()

    def load(self) -> tuple[TokenRow, datetime]:
        return self._row, datetime.now(timezone.utc)

    def update(self, change: Change[T]) -> T:
        with self._lock:
            self._row, result = change(*self.load())
            return result


def claim(row: TokenRow, now: datetime) -> tuple[TokenRow, datetime | None]:
    """Claim the renewal; the result is what `release` needs, or None if another one has it."""
    if row.is_being_renewed(now):
        return row, None
    until = now + CLAIM
    return replace(row, renewing_until=until), until


def release(claimed: datetime) -> Change[None]:
    """Give up a claim, unless it has ended and another process has one."""

    def change(row: TokenRow, _now: datetime) -> tuple[TokenRow, None]:
        return (replace(row, renewing_until=None) if row.renewing_until == claimed else row), None

    return change


def keep(fetched: Fetched, asked_at: datetime, refused: str | None) -> Change[TokenRow]:
    """Keep a token, unless one that expires later is there; one that was refused is replaced."""

    def change(row: TokenRow, now: datetime) -> tuple[TokenRow, TokenRow]:
        expires_at = asked_at + timedelta(seconds=fetched.expires_in)
        row = replace(row, renewing_until=None)
        if row.token != refused and row.left(now) > expires_at - now:
            return row, row
        kept = replace(
            row, token=fetched.token, fetched_at=now, expires_at=expires_at, given_up_at=None
        )
        return kept, kept

    return change


def give_up(refused: str) -> Change[None]:
    """Say to all processes that the token is dead, and that there is no other for now."""

    def change(row: TokenRow, now: datetime) -> tuple[TokenRow, None]:
        is_there = row.token == refused  # else another process has replaced it meanwhile
        return (replace(row, given_up_at=now, renewing_until=None) if is_there else row), None

    return change


def count_forced(row: TokenRow, now: datetime) -> tuple[TokenRow, datetime | None]:
    """Count a forced renewal, before it is made. The result is when it may be, if not now."""
    at = row.next_forced(now)
    if at > now:
        return row, at
    return replace(row, forced_count=row.forced_in_series(now) + 1, forced_at=now), None
