"""Times for people: "3 min ago" on a terminal, UTC in a pipe and with `--utc`."""

from datetime import datetime, timezone

from myapi.cli import output
from myapi.clock import now
from myapi.language import localized

MINUTE, HOUR, DAY = 60, 3600, 86400  # s
RELATIVE_FOR = 60 * DAY  # an older time is shown as its date


def for_people(iso: str | None, *, utc: bool) -> str | None:
    """Format a time (ISO, as in JSON). A script that reads a pipe gets it as it is."""
    return iso if iso is None or utc or not output.to_terminal() else relative(iso)


def with_age(iso: str) -> str:
    """Return a time and, unless that is its date, how long ago it is."""
    age = relative(iso)
    return iso if iso.startswith(age) else f"{iso} ({age})"


def relative(iso: str) -> str:
    """Return how long ago a time is, or its date if it is long ago or in the future."""
    moment = datetime.strptime(iso, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    age = (now() - moment).total_seconds()
    if not -MINUTE < age < RELATIVE_FOR:
        return iso[:10]
    if age < MINUTE:
        return localized("just now", "刚刚")
    if age < HOUR:
        return localized(f"{age // MINUTE:.0f} min ago", f"{age // MINUTE:.0f} 分钟前")
    if age < DAY:
        return localized(f"{age // HOUR:.0f} h ago", f"{age // HOUR:.0f} 小时前")
    return localized(f"{age // DAY:.0f} d ago", f"{age // DAY:.0f} 天前")
