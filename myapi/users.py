"""Profile, ban, erase, export: what is done with an account. Each owns its transaction."""

import logging
import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable, bindparam, delete, insert, or_, select, update

from myapi import audit, bans
from myapi.clock import iso, now
from myapi.database import Transaction, changed, reading, transaction
from myapi.errors import ApiError
from myapi.extensions import keyring, settings
from myapi.models import Session, User
from myapi.statements import Statement
from myapi.wechat import Login, crypto

OVERTAKEN = timedelta(minutes=1)  # how much later a login may be that is written before another


class Account(NamedTuple):
    """A user as the table had it; what is sealed is left out."""

    id: int
    public_id: str
    appid: str
    openid: str
    unionid: str | None
    nickname: str | None
    avatar_url: str | None
    session_key_at: datetime | None
    created_at: datetime
    banned_at: datetime | None


_ACCOUNTS = select(*(getattr(User, name) for name in Account._fields))
_OF_ID = _ACCOUNTS.where(User.id == bindparam("id")).with_for_update()


def sign_in(tx: Transaction, login: Login, exchanged_at: datetime) -> tuple[Account, bool]:
    """Return the user of a WeChat login and whether it was made for it; its row stays locked.

    Raises `user_banned`. The session_key is kept if no newer one is there.
    """
    row = _OF_OPENID.first(tx, {"appid": _appid(), "openid": login.openid})
    if row is None:
        return _made(tx, login, exchanged_at), True
    account = Account._make(row)
    if account.banned_at is not None:
        raise ApiError("user_banned", reason=f"login of user {account.public_id}")
    if not _has_newer_key(account, exchanged_at):
        values = {
            "of": account.id,
            "session_key": keyring().seal(login.session_key),
            "session_key_at": exchanged_at,
            "unionid": login.unionid or account.unionid,
        }
        _NEWEST_KEY.change(tx, values)
    return account, False


_OF_OPENID = Statement(
    _ACCOUNTS.where(
        User.appid == bindparam("appid"), User.openid == bindparam("openid")
    ).with_for_update()
)


def _has_newer_key(account: Account, exchanged_at: datetime) -> bool:
    """Whether a login that overtook this one left its key; one from far ahead had a wrong clock."""
    at = account.session_key_at
    return at is not None and exchanged_at < at < exchanged_at + OVERTAKEN


_NEWEST_KEY = Statement(update(User).where(User.id == bindparam("of")))


def decrypt(
    user_id: int, encrypted_data: str, iv: str, signed: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Decrypt a user's `encryptedData`; `signed` is (rawData, signature), checked if given.

    Raises `session_key_missing`, or `decrypt_failed` with the cause in the log alone: an answer
    that told it would be a padding oracle.
    """
    key = _session_key(user_id)
    if key is None:
        raise ApiError("session_key_missing")
    try:
        if signed:
            crypto.check_raw_data(*signed, key)
        return crypto.decrypt_user_data(
            key, encrypted_data, iv, _appid(), max_age=settings().decrypt_max_age
        )
    except crypto.DecryptError as error:
        raise ApiError("decrypt_failed", reason=str(error)) from None


@transaction
def update_profile(tx: Transaction, user_id: int, changes: dict[str, Any]) -> Account:
    """Set `nickname`, `avatar_url` or both; None clears."""
    account = _first(tx, _OF_ID, id=user_id)
    if account is None:  # erased since the guard looked
        raise ApiError("session_ended")
    if changes:
        tx.execute(update(User).where(User.id == user_id).values(changes))
    return account._replace(**changes)


def of_session(tx: Transaction, session_id: int) -> Account | None:
    """Return the user whose session it is."""
    return _first(tx, _ACCOUNTS.join_from(Session, User).where(Session.id == session_id))


def find(reference: str) -> Account | None:
    """Find a user by public id or exact openid (the newest, where two apps share one)."""
    if not reference.isascii():  # MySQL compares no other text with an ASCII column
        return None
    statement = _ACCOUNTS.where(
        or_(User.public_id == reference, User.openid == reference)
    ).order_by(User.id.desc())
    with reading() as connection:
        return _first(connection, statement)


@transaction
def ban(tx: Transaction, user_id: int) -> int:
    """Ban a user and end all sessions; return how many sessions that ended."""
    user = _known(tx, user_id)
    if user.banned_at is None:
        tx.execute(update(User).where(User.id == user_id).values(banned_at=now()))
    live = update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
    ended = changed(tx, live.values(ended_at=now()))
    audit.note(tx, "ban", level=logging.WARNING, user=user.public_id)
    return ended


@transaction
def unban(tx: Transaction, user_id: int) -> None:
    """Lift a ban; the sessions that it ended stay ended."""
    user = _known(tx, user_id)
    tx.execute(update(User).where(User.id == user_id).values(banned_at=None))
    audit.note(tx, "unban", level=logging.WARNING, user=user.public_id)


@transaction
def lift_ban(tx: Transaction, openid: str) -> bool:
    """Lift the ban of an erased account; False where none stands."""
    lifted = bans.lift(tx, _appid(), openid)
    if lifted:
        audit.note(tx, "unban_erased", level=logging.WARNING)
    return lifted


@transaction
def erase(tx: Transaction, user_id: int, *, forget_ban: bool = False) -> None:
    """Delete an account, its sessions and its session_key; a ban stays as a digest.

    It is well if the account has gone meanwhile, for the request may have been sent twice.
    """
    user = _first(tx, _OF_ID, id=user_id)
    if user is None:
        return
    if user.banned_at is not None and not forget_ban:
        bans.keep(tx, user.appid, user.openid)
    changed(tx, delete(Session).where(Session.user_id == user_id))
    changed(tx, delete(User).where(User.id == user_id))
    audit.note(tx, "erase", level=logging.WARNING, user=user.public_id)


def export(user: Account) -> dict[str, Any]:
    """Gather all that is held about a user, for that person to have. No secret is in it."""
    statement = select(Session).where(Session.user_id == user.id).order_by(Session.id)
    with reading() as connection:
        sessions = connection.execute(statement).all()
    return {
        "id": user.public_id,
        "appid": user.appid,
        "openid": user.openid,
        "unionid": user.unionid,
        "nickname": user.nickname,
        "avatar_url": user.avatar_url,
        "created_at": iso(user.created_at),
        "banned_at": user.banned_at and iso(user.banned_at),
        "session_key_stored": user.session_key_at is not None,
        "sessions": [
            {
                "id": session.public_id,
                "created_at": iso(session.created_at),
                "last_seen_at": session.last_seen_at and iso(session.last_seen_at),
                "ended_at": session.ended_at and iso(session.ended_at),
                "ip": session.ip,
                "user_agent": session.user_agent,
            }
            for session in sessions
        ],
    }


def _session_key(user_id: int) -> str | None:
    """Return the newest session_key of a user; None if there is none, or none to be read."""
    with reading() as connection:
        sealed = connection.execute(select(User.session_key).where(User.id == user_id)).scalar()
    return None if sealed is None else keyring().unseal(sealed)


def _made(tx: Transaction, login: Login, moment: datetime) -> Account:
    """Make the user; where another login does so at this moment, `write` begins anew."""
    values: dict[str, Any] = {
        "public_id": secrets.token_hex(12),
        "appid": _appid(),
        "openid": login.openid,
        "unionid": login.unionid,
        "session_key_at": moment,
        "created_at": moment,
    }
    made = _SIGN_UP.change(tx, {**values, "session_key": keyring().seal(login.session_key)})
    if bans.stands(tx, _appid(), login.openid):
        raise ApiError("user_banned", reason="login of an erased user")
    audit.note(tx, "signup", user=values["public_id"])
    return Account(id=made.id, nickname=None, avatar_url=None, banned_at=None, **values)


_SIGN_UP = Statement(insert(User))


def _known(tx: Transaction, user_id: int) -> Account:
    account = _first(tx, _OF_ID, id=user_id)
    if account is None:
        raise ApiError("not_found")
    return account


def _first(connection: Connection, statement: Executable, **values: object) -> Account | None:
    row = connection.execute(statement, values).first()
    return None if row is None else Account._make(row)


def _appid() -> str:
    return settings().appid
