"""When a session is live. Every statement that asks takes the rule from here."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, func

from myapi.auth.models import Session
from myapi.db.types import UtcDateTime
from myapi.extensions import settings

LAST_USE = func.coalesce(Session.last_seen_at, Session.created_at)


def is_live() -> ColumnElement[bool]:
    """Return the rule as a condition: not ended, not too old, used lately.

    The statement is executed with the values of `limits(now())`.
    """
    return (
        Session.ended_at.is_(None)
        & (Session.created_at > moment("created_after"))
        & (moment("used_after") < LAST_USE)
    )


def limits(at: datetime) -> dict[str, datetime]:
    """Return the values of the parameters in `is_live` for a moment."""
    return {
        "created_after": at - timedelta(days=settings().session_max_days),
        "used_after": at - timedelta(days=settings().session_idle_days),
    }


def expires_at(created_at: datetime) -> datetime:
    """Return when a session ends however much it is used."""
    return created_at + timedelta(days=settings().session_max_days)


def moment(name: str) -> BindParameter[Any]:
    """Return a parameter for a time."""
    return bindparam(name, type_=UtcDateTime)
