"""Who calls: the one look-up that runs with every call, and the note of a last use."""

import logging
import time
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy.exc
from sqlalchemy import bindparam, case, literal_column, not_, select, update

from myapi.clock import now
from myapi.database import changed, write
from myapi.errors import ApiError, is_outage
from myapi.extensions import tokens
from myapi.models import Session, User
from myapi.prepared import Prepared
from myapi.sessions import LIFETIME, Lifetime, bound_moment, is_live
from myapi.tokens import TokenInvalidError

log = logging.getLogger(__name__)

TOUCH_EVERY = timedelta(hours=1)
FIRST_TOUCH_WAIT = 1.0  # s: what is not noted is open to whoever has the code, see login
TOUCH_WAIT = 0.1  # s: noting a later use is not worth a delay
TOUCH_PAUSE = 10.0  # s without another try at a later one after one failed


class Identity(NamedTuple):
    """Who calls: what the guard's one query found."""

    session_id: int
    session: str
    user_id: int
    user: str
    nickname: str | None
    avatar_url: str | None
    created_at: datetime


def find(token: str) -> Identity:
    """Return who holds a token, or raise `ApiError`.

    This runs with every call: the signature first, so that a forged token costs no query, then
    one prepared statement in autocommit. The connection goes back before this returns.
    """
    try:
        digest = tokens().read(token)
    except TokenInvalidError:
        raise ApiError("token_invalid") from None
    moment = now()
    second = moment.replace(microsecond=0)  # all calls in it ask the same: see prepared
    lifetime = Lifetime.at(second)
    row = _FIND.first(
        {
            "digest": digest,
            "born_after": lifetime.born_after,
            "used_after": lifetime.used_after,
            "touched_after": second - TOUCH_EVERY,
        }
    )
    if row is None:
        raise ApiError("session_ended")
    standing = row.pop()
    found = Identity(*row)
    if standing == "banned":
        raise ApiError("user_banned", reason=f"user {found.user}")
    if standing == "ended":
        raise ApiError("session_ended")
    if standing != "fresh":
        _touch(found.session_id, moment, first=standing == "unused")
    return found


# One column: PyMySQL reads a packet for each.
_STANDING = case(
    (User.banned_at.is_not(None), literal_column("'banned'")),
    (not_(is_live(LIFETIME)), literal_column("'ended'")),
    (Session.last_seen_at.is_(None), literal_column("'unused'")),
    (Session.last_seen_at > bound_moment("touched_after"), literal_column("'fresh'")),
    else_=literal_column("'stale'"),
)


_FIND = Prepared(
    select(
        Session.id.label("session_id"),
        Session.public_id.label("session"),
        User.id.label("user_id"),
        User.public_id.label("user"),
        User.nickname,
        User.avatar_url,
        User.created_at,
        _STANDING.label("standing"),
    )
    .join_from(Session, User)
    .where(Session.token_digest == bindparam("digest"))
)


class _Touch:
    """When noting a last use may be tried again, after it failed in this process."""

    not_before = 0.0


def _touch(session_id: int, moment: datetime, *, first: bool) -> None:
    """Note a last use: at the first one and then hourly. A failure fails no request."""
    if not first and time.monotonic() < _Touch.not_before:
        return
    try:
        write(
            lambda tx: changed(tx, _TOUCH, {"session_id": session_id, "moment": moment}),
            wait=FIRST_TOUCH_WAIT if first else TOUCH_WAIT,
        )
    except sqlalchemy.exc.SQLAlchemyError as error:
        if not is_outage(error):
            raise
        _Touch.not_before = time.monotonic() + TOUCH_PAUSE
        log.warning("a last use was not noted: %s", type(error).__name__)


# GREATEST in one statement: of two uses at once the later time stays.
_TOUCH = (
    update(Session)
    .where(Session.id == bindparam("session_id"))
    .values(
        last_seen_at=case(
            (Session.last_seen_at > bound_moment("moment"), Session.last_seen_at),
            else_=bound_moment("moment"),
        )
    )
)
