"""List and end sessions."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, exists, select, update

from myapi import audit
from myapi.auth.liveness import LAST_USE, is_live, limits
from myapi.auth.models import Session
from myapi.clock import iso, now
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.users import accounts
from myapi.users.models import User
from myapi.web.errors import ApiError

PUBLIC_ID = re.compile(r"[0-9a-f]{24}")  # MySQL ignores spaces at the end when it compares
NO_LIMIT = 2**31  # MySQL has no OFFSET without a LIMIT


def of_user(user_id: int) -> Sequence[Row[Any]]:
    """Return the live sessions of a user (rows of the table), most recently used first."""
    statement = (
        select(Session)
        .where(Session.user_id == user_id, is_live())
        .order_by(LAST_USE.desc(), Session.id.desc())
    )
    with reading() as connection:
        return connection.execute(statement, limits(now())).all()


def end_surplus(tx: Transaction, user_id: int) -> None:
    """End the least recently used sessions of a user so that one more stays within the cap.

    The caller has locked the row of the user, so simultaneous logins are counted one by one.
    """
    surplus = (
        select(Session.id)
        .where(Session.user_id == user_id, is_live())
        .order_by(LAST_USE.desc(), Session.id.desc())
        .offset(settings().sessions_per_user - 1)
        .limit(NO_LIMIT)
    )
    ids = tx.scalars(surplus, limits(now())).all()
    if ids:
        _end(tx, Session.id.in_(ids))


@transaction
def log_out(tx: Transaction, session_id: int, public_id: str) -> None:
    """End the caller's own session. It may already have ended."""
    _end(tx, Session.id == session_id)
    audit.log_after_commit(tx, "logout", ended=public_id)


@transaction
def end(tx: Transaction, user_id: int, public_id: str) -> None:
    """End one session of a user; it may already have ended. Raises `not_found` if not theirs."""
    mine = (Session.public_id == public_id, Session.user_id == user_id)
    if not (PUBLIC_ID.fullmatch(public_id) and tx.scalar(select(exists().where(*mine)))):
        raise ApiError("not_found")
    _end(tx, *mine)
    audit.log_after_commit(tx, "logout", ended=public_id)


@transaction
def end_others(tx: Transaction, user_id: int, keep: int) -> int:
    """End all sessions of a user except `keep`; return how many were ended."""
    ended = _end(tx, Session.user_id == user_id, Session.id != keep)
    audit.log_after_commit(tx, "logout_others", count=ended)
    return ended


@transaction
def revoke(tx: Transaction, public_id: str, reason: str | None = None) -> bool | None:
    """End a session of our AppID by its id alone, for an operator.

    Return False if it had ended already, None if there is none.
    """
    session = Session.public_id == public_id
    owner = select(User.public_id).join_from(Session, User)
    ours = owner.where(session, User.appid == settings().appid)
    if not PUBLIC_ID.fullmatch(public_id) or (user := tx.scalar(ours)) is None:
        return None
    if not _end(tx, session):
        return False
    audit.record(tx, "revoke", user=user, reason=reason, ended=public_id)
    return True


@transaction
def revoke_of_user(tx: Transaction, user_id: int, reason: str | None = None) -> int:
    """End all sessions of a user, for an operator; return how many were ended."""
    user = accounts.lock(tx, user_id)
    if user is None:
        return 0
    ended = end_all(tx, user_id)
    audit.record(tx, "revoke_of_user", user=user.public_id, reason=reason, count=ended)
    return ended


@transaction
def revoke_all(tx: Transaction, reason: str | None = None) -> int:
    """End all sessions in the database, whatever their AppID; return how many were ended."""
    ended = _end(tx)
    audit.record(tx, "revoke_all", level=logging.WARNING, reason=reason, count=ended)
    return ended


def end_restored(connection: Connection, tables: Mapping[str, Table]) -> int:
    """End all sessions of a backup before it becomes the database; return how many were ended.

    Logouts and revocations since the backup are not in it: those sessions would live again.
    """
    table = tables[Session.__tablename__]
    not_ended = update(table).where(table.columns.ended_at.is_(None))
    return connection.execute(not_ended.values(ended_at=now())).rowcount


def end_all(tx: Transaction, user_id: int) -> int:
    """End all sessions of a user within another transaction; return how many were ended."""
    return _end(tx, Session.user_id == user_id)


def export_sessions(connection: Connection, user_id: int) -> list[dict[str, Any]]:
    """Return the sessions of a user for the export."""
    statement = select(Session).where(Session.user_id == user_id).order_by(Session.id)
    return [
        {
            "id": session.public_id,
            "created_at": iso(session.created_at),
            "last_seen_at": session.last_seen_at and iso(session.last_seen_at),
            "ended_at": session.ended_at and iso(session.ended_at),
            "ip": session.ip,
            "user_agent": session.user_agent,
        }
        for session in connection.execute(statement)
    ]


def _end(tx: Transaction, *where: ColumnElement[bool]) -> int:
    # Expired ones too: a longer MYAPI_SESSION_MAX_DAYS would make them live again.
    not_ended = update(Session).where(Session.ended_at.is_(None), *where)
    return changed(tx, not_ended.values(ended_at=now()))
