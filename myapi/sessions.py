"""Find, list, end and purge sessions. Each use-case owns its transaction."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy.exc
from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    update,
)

from myapi import audit
from myapi.clock import now
from myapi.database import Transaction, changed, reading, transaction, write
from myapi.errors import ApiError, is_outage
from myapi.extensions import settings, tokens
from myapi.models import Session, User, UtcDateTime
from myapi.prepared import Prepared
from myapi.tokens import TokenInvalidError

log = logging.getLogger(__name__)

TOUCH_EVERY = timedelta(hours=1)
FIRST_TOUCH_WAIT = 1.0  # s: what is not noted is open to whoever has the code, see login
TOUCH_WAIT = 0.1  # s: noting a later use is not worth a delay
TOUCH_PAUSE = 10.0  # s without another try at a later one after one failed
PURGE_BATCH = 1000
ALL = 2**31  # MySQL knows no OFFSET without a LIMIT


class Identity(NamedTuple):
    """Who calls: what the guard's one query found."""

    session_id: int
    session: str
    user_id: int
    user: str
    nickname: str | None
    avatar_url: str | None
    created_at: datetime


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
    lifetime = Lifetime.at(moment)
    row = _FIND.first(
        {
            "digest": digest,
            "born_after": lifetime.born_after,
            "used_after": lifetime.used_after,
            "touched_after": moment - TOUCH_EVERY,
        }
    )
    if row is None:
        raise ApiError("session_ended")
    found, (banned, live, used, fresh) = Identity(*row[:-4]), row[-4:]
    if banned:
        raise ApiError("user_banned", reason=f"user {found.user}")
    if not live:
        raise ApiError("session_ended")
    if not fresh:
        _touch(found.session_id, moment, first=not used)
    return found


def _moment(name: str) -> Any:  # noqa: ANN401 (stands where a time does)
    return bindparam(name, type_=UtcDateTime)


_LIFETIME = Lifetime(_moment("born_after"), _moment("used_after"))
_FIND = Prepared(
    select(
        Session.id.label("session_id"),
        Session.public_id.label("session"),
        User.id.label("user_id"),
        User.public_id.label("user"),
        User.nickname,
        User.avatar_url,
        User.created_at,
        User.banned_at.is_not(None).label("banned"),
        is_live(_LIFETIME).label("live"),
        Session.last_seen_at.is_not(None).label("used"),
        func.coalesce(Session.last_seen_at > _moment("touched_after"), False).label("fresh"),
    )
    .join_from(Session, User)
    .where(Session.token_digest == bindparam("digest"))
)


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
    surplus = tx.scalars(_SURPLUS, values).all()
    if surplus:
        _end(tx, Session.id.in_(surplus))


_SURPLUS = (
    select(Session.id)
    .where(Session.user_id == bindparam("user_id"), is_live(_LIFETIME))
    .order_by(LAST_USE.desc(), Session.id.desc())
    .offset(bindparam("kept", type_=Integer))
    .limit(ALL)
)


@transaction
def log_out(tx: Transaction, caller: Identity) -> None:
    """End the caller's own session; well if that has happened meanwhile."""
    _end(tx, Session.id == caller.session_id)
    audit.note(tx, "logout", ended=caller.session)


@transaction
def end(tx: Transaction, user_id: int, public_id: str) -> None:
    """End one session of a user; well if it had ended, `not_found` if it is not the user's."""
    mine = (Session.public_id == public_id, Session.user_id == user_id)
    # MySQL compares no other text with an ASCII column.
    if not (public_id.isascii() and tx.scalar(select(exists().where(*mine)))):
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
    if not (
        public_id.isascii() and tx.scalar(select(exists().where(Session.public_id == public_id)))
    ):
        return False
    _end(tx, Session.public_id == public_id)
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
            (Session.last_seen_at > _moment("moment"), Session.last_seen_at),
            else_=_moment("moment"),
        )
    )
)
