"""The chart of logins by the hour, as numbers for an SVG picture. The server draws it."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

HOURS = 24
HOUR = timedelta(hours=1)
WIDTH, HEIGHT = 720, 150  # of the picture, in its own units
STEP = WIDTH / HOURS
GAP = 6


class Bar(NamedTuple):
    """One hour: the numbers, and the two parts of its bar from the bottom up."""

    hour: datetime
    logins: int
    failures: int
    x: float
    logins_top: float
    logins_height: float
    failures_top: float
    failures_height: float


class Chart(NamedTuple):
    bars: list[Bar]
    top: int  # the number at the upper edge
    width: int
    height: int
    bar_width: float
    logins: int
    failures: int


def chart(counts: Mapping[datetime, Counter[str]], last_hour: datetime) -> Chart:
    """Draw the logins and the failures of the last HOURS hours."""
    hours = [last_hour - HOUR * back for back in reversed(range(HOURS))]
    numbers = [(hour, *_logins(counts.get(hour, Counter()))) for hour in hours]
    top = _round_up(max(good + bad for _, good, bad in numbers))
    unit = HEIGHT / top
    bars = [_bar(index, hour, good, bad, unit) for index, (hour, good, bad) in enumerate(numbers)]
    logins, failures = (sum(bar.logins for bar in bars), sum(bar.failures for bar in bars))
    return Chart(bars, top, WIDTH, HEIGHT, STEP - GAP, logins, failures)


def _logins(names: Counter[str]) -> tuple[int, int]:
    """Return the logins of an hour that succeeded, and those that failed."""
    all_of_them = sum(count for name, count in names.items() if name.startswith("login."))
    return names["login.ok"], all_of_them - names["login.ok"]


def _bar(index: int, hour: datetime, good: int, bad: int, unit: float) -> Bar:
    low, high = good * unit, bad * unit
    return Bar(
        hour,
        good,
        bad,
        x=round(index * STEP + GAP / 2, 1),
        logins_top=round(HEIGHT - low, 1),
        logins_height=round(low, 1),
        failures_top=round(HEIGHT - low - high, 1),
        failures_height=round(high, 1),
    )


def _round_up(number: int) -> int:
    """Return the next of 1, 2, 5, 10, 20, 50, … so that the scale is easy to read."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if number <= step * factor:
                return step * factor
        step *= 10
