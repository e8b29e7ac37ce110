"""How pages write times, sizes and numbers."""

from datetime import datetime, timezone
from typing import Any

from myapi.clock import iso, now
from myapi.console.language import translate

MINUTE, HOUR, DAY = 60, 3600, 86400  # s
RELATIVE_FOR = 60 * DAY


def age(moment: datetime) -> str:
    """Return how long ago a time is, such as "3 min ago"; its date if that is long."""
    seconds = (now() - moment).total_seconds()
    phrase = translate("{n} ago") if seconds > 0 else translate("in {n}")
    seconds = abs(seconds)
    if seconds > RELATIVE_FOR:
        return day(moment)
    for unit, text in ((DAY, "{n} d"), (HOUR, "{n} h"), (MINUTE, "{n} min")):
        if seconds >= unit:
            return phrase.format(n=translate(text, n=int(seconds // unit)))
    return translate("just now")


def clock_time(moment: datetime) -> str:
    """Return a time in the zone of the server."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d}"


def zone(moment: datetime) -> str:
    """Return the zone of the server, such as UTC+08:00."""
    offset = moment.astimezone().strftime("%z")
    return "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:]}"


def of_text(text: str) -> datetime:
    """Return the time of a text in ISO 8601, as shapes of the API have it."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def number(value: float) -> str:
    return f"{value:,}"


def initial(nickname: str | None) -> str:
    """Return what stands in the place of a picture: the first letter, if it can be seen."""
    first = (nickname or "").strip()[:1]
    return first.upper() if first.isalnum() else "·"


FILTERS: dict[str, Any] = {
    "age": age,
    "clock_time": clock_time,
    "day": day,
    "iso": iso,
    "number": number,
    "initial": initial,
}
