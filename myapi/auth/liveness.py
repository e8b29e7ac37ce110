"""The rule for live sessions, used by every statement that needs it."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, func

from myapi.auth.models import Session
from myapi.db.types import UtcDateTime
from myapi.extensions import settings

LAST_USE = func.coalesce(Session.last_seen_at, Session.created_at)


def is_live() -> ColumnElement[bool]:
    """Return the rule as a condition: not ended, not too old, not unused for too long.

    The statement is executed with the parameters of `limits(now())`.
    """
    return (
        Session.ended_at.is_(None)
        & (Session.created_at > time_parameter("created_after"))
        & (time_parameter("used_after") < LAST_USE)
    )


def limits(at: datetime) -> dict[str, datetime]:
    """Return the parameters of `is_live` for a point in time."""
    return {
        "created_after": at - timedelta(days=settings().session_max_days),
        "used_after": at - timedelta(days=settings().session_idle_days),
    }


def expires_at(created_at: datetime) -> datetime:
    """Return when a session ends at the latest, even if it is in use."""
    return created_at + timedelta(days=settings().session_max_days)


def time_parameter(name: str) -> BindParameter[Any]:
    return bindparam(name, type_=UtcDateTime)
