"""The one place through which time enters; always UTC."""

from datetime import datetime, timezone


def now() -> datetime:
    return datetime.now(timezone.utc)


def iso(moment: datetime) -> str:
    """Write a time as the API does: `YYYY-MM-DDTHH:MM:SSZ`."""
    return moment.isoformat()[:19] + "Z"
