"""List, end and purge sessions. Each use-case owns its transaction."""

import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)

from myapi import audit
from myapi.clock import now
from myapi.database import Transaction, changed, reading, transaction
from myapi.errors import ApiError
from myapi.extensions import settings
from myapi.models import Session, User, UtcDateTime
from myapi.statements import Statement

log = logging.getLogger(__name__)

PUBLIC_ID = re.compile(r"[0-9a-f]{24}")  # MySQL takes one with spaces behind it for the same
PURGE_BATCH = 1000
ALL = 2**31  # MySQL knows no OFFSET without a LIMIT


class Lifetime(NamedTuple):
    """The two moments that part live sessions from dead ones."""

    born_after: datetime
    used_after: datetime

    @classmethod
    def at(cls, moment: datetime) -> "Lifetime":
        limits = settings()
        return cls(
            moment - timedelta(days=limits.session_max_days),
            moment - timedelta(days=limits.session_idle_days),
        )


LAST_USE = func.coalesce(Session.last_seen_at, Session.created_at)


def is_live(lifetime: Lifetime) -> ColumnElement[bool]:
    return (
        Session.ended_at.is_(None)
        & (Session.created_at > lifetime.born_after)
        & (lifetime.used_after < LAST_USE)
    )


def bound_moment(name: str) -> Any:  # noqa: ANN401 (stands where a time does)
    return bindparam(name, type_=UtcDateTime)


LIFETIME = Lifetime(bound_moment("born_after"), bound_moment("used_after"))


def of_user(user_id: int) -> Sequence[Row[Any]]:
    """List the live sessions of a user (rows of the table), the one used last first."""
    statement = (
        select(Session)
        .where(Session.user_id == user_id, is_live(Lifetime.at(now())))
        .order_by(LAST_USE.desc(), Session.id.desc())
    )
    with reading() as connection:
        return connection.execute(statement).all()


def make_room(tx: Transaction, user_id: int) -> None:
    """End the longest unused sessions of a user, so that one more is within the cap.

    The user's row is locked by now, so two logins at once count one after the other.
    """
    born_after, used_after = Lifetime.at(now())
    values = {
        "user_id": user_id,
        "born_after": born_after,
        "used_after": used_after,
        "kept": settings().sessions_per_user - 1,
    }
    for (session_id,) in _SURPLUS.all(tx, values):
        _END.change(tx, {"session_id": session_id, "ended_at": now()})


_SURPLUS = Statement(
    select(Session.id)
    .where(Session.user_id == bindparam("user_id"), is_live(LIFETIME))
    .order_by(LAST_USE.desc(), Session.id.desc())
    .offset(bindparam("kept", type_=Integer))
    .limit(ALL)
)
_END = Statement(
    update(Session).where(Session.id == bindparam("session_id"), Session.ended_at.is_(None))
)


@transaction
def log_out(tx: Transaction, session_id: int, public_id: str) -> None:
    """End the caller's own session; well if that has happened meanwhile."""
    _end(tx, Session.id == session_id)
    audit.note(tx, "logout", ended=public_id)


@transaction
def end(tx: Transaction, user_id: int, public_id: str) -> None:
    """End one session of a user; well if it had ended, `not_found` if it is not the user's."""
    mine = (Session.public_id == public_id, Session.user_id == user_id)
    if not (PUBLIC_ID.fullmatch(public_id) and tx.scalar(select(exists().where(*mine)))):
        raise ApiError("not_found")
    _end(tx, *mine)
    audit.note(tx, "logout", ended=public_id)


@transaction
def end_others(tx: Transaction, user_id: int, but: int) -> int:
    """End all sessions of a user except one; return how many that were."""
    ended = _end(tx, Session.user_id == user_id, Session.id != but)
    audit.note(tx, "logout_others", count=ended)
    return ended


@transaction
def revoke(tx: Transaction, public_id: str) -> bool:
    """End a session by its id alone, as an operator may; False where there is none."""
    which = Session.public_id == public_id
    if not (PUBLIC_ID.fullmatch(public_id) and tx.scalar(select(exists().where(which)))):
        return False
    _end(tx, which)
    audit.note(tx, "revoke", ended=public_id)
    return True


@transaction
def revoke_of_user(tx: Transaction, user_id: int) -> int:
    ended = _end(tx, Session.user_id == user_id)
    audit.note(tx, "revoke_of_user", count=ended)
    return ended


@transaction
def revoke_all(tx: Transaction) -> int:
    """End every live session there is; return how many that were."""
    ended = _end(tx)
    audit.note(tx, "revoke_all", level=logging.WARNING, count=ended)
    return ended


@transaction
def purge_batch(tx: Transaction, after: int = 0) -> tuple[int, int | None]:
    """Delete the dead sessions among the next rows; return how many, and where to go on.

    Sessions of banned users stay: their tokens are to be answered 403, never 401.
    """
    ids = tx.scalars(
        select(Session.id).where(Session.id > after).order_by(Session.id).limit(PURGE_BATCH)
    ).all()
    if not ids:
        return 0, None
    banned = exists().where(User.id == Session.user_id, User.banned_at.is_not(None))
    dead = delete(Session).where(Session.id.in_(ids), ~is_live(Lifetime.at(now())), ~banned)
    return changed(tx, dead), ids[-1]


def expires_at(created_at: datetime) -> datetime:
    """Tell when a session ends whatever its use."""
    return created_at + timedelta(days=settings().session_max_days)


def _end(tx: Transaction, *which: ColumnElement[bool]) -> int:
    live = update(Session).where(Session.ended_at.is_(None), *which)
    return changed(tx, live.values(ended_at=now()))
