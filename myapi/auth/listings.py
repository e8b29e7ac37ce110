"""Paginated lists of the users and sessions of our AppID, for operators, newest first."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, func, select

from myapi.auth.liveness import LAST_USE, is_live, limits
from myapi.auth.models import Session
from myapi.clock import now
from myapi.db.pagination import Page, page
from myapi.db.transactions import reading
from myapi.extensions import settings
from myapi.users.models import User
from myapi.web.errors import ApiError


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
    """List users by ban, part of the nickname, `since` <= creation < `until`, or inactivity."""
    where = [_is_ours()]
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
    return page(_USERS.where(*where), User.id, limit, after)


def user(user_id: int) -> Row[Any]:
    """Return one user with the columns of the list, or raise `not_found`."""
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
    """List sessions by user, liveness, or the address of their login."""
    is_live_now = is_live()
    where = [_is_ours()]
    if user_id is not None:
        where.append(Session.user_id == user_id)
    if live is not None:
        where.append(is_live_now if live else ~is_live_now)
    if ip is not None:
        where.append(Session.ip == ip)
    columns = _SESSIONS.add_columns(is_live_now.label("live"))
    return page(columns.where(*where), Session.id, limit, after, limits(now()))


def _is_ours() -> ColumnElement[bool]:
    """Return whether a user is of our AppID, in a form for which no index is used.

    SQLite would take the one that begins with the AppID, and read and sort all rows for each page.
    """
    return User.appid.concat("") == settings().appid


def _used_since(time: datetime) -> ColumnElement[bool]:
    return exists().where(Session.user_id == User.id, time <= LAST_USE)


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
