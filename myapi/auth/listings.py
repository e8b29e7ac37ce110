"""Paginated lists of the users and sessions of our AppID, for operators, newest first."""

import time
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, exists, func, select

from myapi.auth.liveness import LAST_USE, is_live, limits
from myapi.auth.models import Session
from myapi.clock import now
from myapi.db.pagination import Page, by_no_index, page
from myapi.db.transactions import reading
from myapi.extensions import db, settings
from myapi.users.models import User
from myapi.users.phone import phone_digests
from myapi.web.errors import ApiError

SEARCH_TIME = 30.0  # s; ten million users take 4 s on SQLite and about 12 s on MariaDB
SEARCH_STEP = 20_000  # ids looked through by one statement
MOST_CANDIDATES = 5


class Search(NamedTuple):
    """The users found, newest first: all of them if `complete`."""

    users: list[Row[Any]]
    complete: bool


def users(
    limit: int,
    after: int | None = None,
    *,
    banned: bool | None = None,
    nickname: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    inactive_since: datetime | None = None,
    phone: str | None = None,
) -> Page:
    """List users by ban, part of the nickname, time of creation, inactivity, or phone number.

    They were created at `since` or later and before `until`.
    """
    where = [is_ours()]
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
    if phone is not None:
        with reading() as connection:
            where.append(User.phone_digest.in_(phone_digests(connection, phone)))
    return page(USERS.where(*where), User.id, limit, after)


def user(user_id: int) -> Row[Any]:
    """Return one user with the columns of the list, or raise `not_found`."""
    with reading() as connection:
        row = connection.execute(USERS.where(User.id == user_id)).first()
    if row is None:
        raise ApiError("not_found")
    return row


def with_unionid(unionid: str) -> Search:
    """Find the user of a unionid, as `with_nickname` does; there is one at most."""
    return _search(User.unionid == unionid, enough=1)


def with_nickname(nickname: str) -> Search:
    """Find the users with exactly this nickname, MOST_CANDIDATES and one more at most.

    There is no index, which each login would pay for: all users are read, the newest first, in
    short statements, for SEARCH_TIME at most.
    """
    is_same: ColumnElement[bool] = User.nickname == nickname
    if db.engine.name != "sqlite":  # in MySQL's usual collations 😀 equals 😂, in most "a" is "a "
        is_same = User.nickname.collate("utf8mb4_bin") == nickname
        is_same &= func.char_length(func.coalesce(User.nickname, "")) == len(nickname)
    return _search(is_same, enough=MOST_CANDIDATES + 1)


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
    where = [is_ours()]
    if user_id is not None:
        where.append(Session.user_id == user_id)
    if live is not None:
        where.append(is_live_now if live else ~is_live_now)
    if ip is not None:
        where.append(Session.ip == ip)
    columns = _SESSIONS.add_columns(is_live_now.label("live"))
    return page(columns.where(*where), Session.id, limit, after, limits(now()))


def is_ours() -> ColumnElement[bool]:
    """Return whether a user is of our AppID, as nearly all are."""
    return by_no_index(User.appid) == settings().appid


def _search(condition: ColumnElement[bool], enough: int) -> Search:
    statement = USERS.where(is_ours(), condition).order_by(User.id.desc()).limit(enough)
    deadline = time.monotonic() + SEARCH_TIME
    found: list[Row[Any]] = []
    with reading() as connection:
        last = connection.scalar(select(func.max(User.id))) or 0
    for end in range(last, 0, -SEARCH_STEP):
        step = statement.where(User.id <= end, User.id > end - SEARCH_STEP)
        with reading() as connection:
            found += connection.execute(step)
        if len(found) >= enough:
            return Search(found[:enough], complete=True)
        if time.monotonic() > deadline:
            return Search(found, complete=False)
    return Search(found, complete=True)


def _used_since(time: datetime) -> ColumnElement[bool]:
    return exists().where(Session.user_id == User.id, time <= LAST_USE)


_LAST_SEEN = (
    select(func.max(LAST_USE)).where(Session.user_id == User.id).correlate(User).scalar_subquery()
)

USERS = select(
    User.id,
    User.public_id,
    User.openid,
    User.unionid,
    User.nickname,
    User.avatar_url,
    User.phone,
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
