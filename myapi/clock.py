"""The one place through which time enters; always UTC."""

import time
from datetime import datetime, timezone
from typing import NamedTuple


def now() -> datetime:
    return datetime.now(timezone.utc)


def iso(moment: datetime) -> str:
    """Write a time as the API does: `YYYY-MM-DDTHH:MM:SSZ`."""
    return moment.isoformat()[:19] + "Z"


class Moment(NamedTuple):
    """A time of this machine's two clocks, in seconds."""

    monotonic: float
    wall: float


def moment() -> Moment:
    return Moment(time.monotonic(), time.time())


def seconds_since(then: Moment) -> float:
    """Return how long ago that was, also if the process or its machine was frozen meanwhile.

    The monotonic clock may stand still with the machine; the wall clock is set right afterwards.
    The wall clock may be set back; the monotonic one never is. So the longer time is the true one.
    """
    return max(time.monotonic() - then.monotonic, time.time() - then.wall)
