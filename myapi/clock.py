"""The one place through which time enters; always UTC."""

import time
from datetime import datetime, timezone
from typing import TypeAlias

Moment: TypeAlias = tuple[float, float]  # by the monotonic clock and by the wall clock, in seconds


def now() -> datetime:
    return datetime.now(timezone.utc)


def iso(moment: datetime) -> str:
    """Write a time as the API does: `YYYY-MM-DDTHH:MM:SSZ`."""
    return moment.isoformat()[:19] + "Z"


def moment() -> Moment:
    return time.monotonic(), time.time()


def seconds_since(then: Moment) -> float:
    """Return how long ago that was, also if the process or its machine was frozen meanwhile.

    The monotonic clock may stand still with the machine; the wall clock is set right afterwards.
    The wall clock may be set back; the monotonic one never is. So the longer time is the true one.
    """
    monotonic, wall = then
    return max(time.monotonic() - monotonic, time.time() - wall)
