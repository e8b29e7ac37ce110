"""Pages of users and of sessions for an operator, the newest first.

A page goes on after the last row of the one before, by primary key, so that a row is neither
skipped nor shown twice, however many come and go meanwhile; and page 1000 costs what page 1 does.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute

from myapi.clock import now
from myapi.database import reading
from myapi.errors import ApiError
from myapi.models import Session, User
from myapi.sessions import LAST_USE, Lifetime, is_live


class Page(NamedTuple):
    """Some rows, and the cursor of the next ones if there are any."""

    rows: Sequence[Row[Any]]
    next: str | None


def users(
    limit: int,
    after: int | None = None,
    *,
    banned: bool | None = None,
    nickname: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    inactive_since: datetime | None = None,
) -> Page:
    """List users: of a nickname that contains this text, made in this span, unseen since then."""
    where: list[ColumnElement[bool]] = []
    if banned is not None:
        where.append(User.banned_at.is_not(None) == banned)
    if nickname is not None:
        where.append(User.nickname.contains(nickname, autoescape=True))
    if since is not None:
        where.append(User.created_at >= since)
    if until is not None:
        where.append(User.created_at < until)
    if inactive_since is not None:
        where += [User.created_at < inactive_since, ~_used_since(inactive_since)]
    return _page(_USERS.where(*where), User.id, limit, after)


def user(user_id: int) -> Row[Any]:
    """Return the row that the list of users has for one of them, or raise `not_found`."""
    with reading() as connection:
        row = connection.execute(_USERS.where(User.id == user_id)).first()
    if row is None:
        raise ApiError("not_found")
    return row


def sessions(
    limit: int,
    after: int | None = None,
    *,
    user_id: int | None = None,
    live: bool | None = None,
    ip: str | None = None,
) -> Page:
    """List sessions: of this user, live or not, opened from this address."""
    alive = is_live(Lifetime.at(now()))
    where: list[ColumnElement[bool]] = []
    if user_id is not None:
        where.append(Session.user_id == user_id)
    if live is not None:
        where.append(alive if live else ~alive)
    if ip is not None:
        where.append(Session.ip == ip)
    columns = _SESSIONS.add_columns(alive.label("live"))
    return _page(columns.where(*where), Session.id, limit, after)


def _page(
    statement: Select[Any], key: InstrumentedAttribute[int], limit: int, after: int | None
) -> Page:
    if after is not None:
        statement = statement.where(key < after)
    with reading() as connection:
        found = connection.execute(statement.order_by(key.desc()).limit(limit + 1)).all()
    rows = found[:limit]
    return Page(rows, str(rows[-1].id) if len(found) > limit else None)


def _used_since(moment: datetime) -> ColumnElement[bool]:
    return exists().where(Session.user_id == User.id, moment <= LAST_USE)


_LAST_SEEN = (
    select(func.max(LAST_USE)).where(Session.user_id == User.id).correlate(User).scalar_subquery()
)

_USERS = select(
    User.id,
    User.public_id,
    User.openid,
    User.unionid,
    User.nickname,
    User.avatar_url,
    User.created_at,
    User.banned_at,
    _LAST_SEEN.label("last_seen_at"),
)

_SESSIONS = select(
    Session.id,
    Session.public_id,
    User.public_id.label("user"),
    Session.created_at,
    Session.last_seen_at,
    Session.ended_at,
    Session.ip,
    Session.user_agent,
).join_from(Session, User)
