"""Rows of users: find and insert them, store the newest session_key."""

import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from myapi.db.transactions import Transaction, reading
from myapi.extensions import keyring, settings
from myapi.users.models import User
from myapi.web.errors import ApiError
from myapi.wechat import Login

#: A stored session_key or phone number that is newer by less than this is of a request that
#: overtook this one. One that is newer by more was stored while the clock was ahead.
MAX_REORDER = timedelta(minutes=1)


class Account(NamedTuple):
    """The columns of `users` that every request reads; each one costs MySQL's driver a packet."""

    id: int
    public_id: str
    openid: str
    nickname: str | None
    avatar_url: str | None
    phone: bytes | None  # sealed
    created_at: datetime


class UserRow(NamedTuple):
    """A row of `users` without the sealed session_key."""

    id: int
    public_id: str
    appid: str
    openid: str
    unionid: str | None
    nickname: str | None
    avatar_url: str | None
    phone: bytes | None  # sealed
    phone_at: datetime | None
    session_key_at: datetime | None
    created_at: datetime
    banned_at: datetime | None


ACCOUNT_COLUMNS = tuple(getattr(User, name) for name in Account._fields)
SELECT_USERS = select(*(getattr(User, name) for name in UserRow._fields))
SELECT_BY_ID = SELECT_USERS.where(User.id == bindparam("id")).with_for_update()
INSERT_USER = insert(User)
SELECT_BY_OPENID = SELECT_USERS.where(
    User.appid == bindparam("appid"), User.openid == bindparam("openid")
).with_for_update()


def find(reference: str) -> UserRow | None:
    """Find a user of our AppID by public id or full openid."""
    if not reference.isascii():  # MySQL cannot compare other text with an ASCII column
        return None
    ours = User.appid == settings().appid
    by_reference = or_(User.public_id == reference, User.openid == reference)
    with reading() as connection:
        row = connection.execute(SELECT_USERS.where(ours, by_reference)).first()
    return None if row is None else UserRow._make(row)


def lock(tx: Transaction, user_id: int) -> UserRow | None:
    """Read a user and lock the row until the end of the transaction; None if it was erased."""
    row = tx.execute(SELECT_BY_ID, {"id": user_id}).first()
    return None if row is None else UserRow._make(row)


def get_or_404(tx: Transaction, user_id: int) -> UserRow:
    """Read a user and lock the row, or raise `not_found`."""
    user = lock(tx, user_id)
    if user is None:
        raise ApiError("not_found")
    return user


def lock_by_openid(tx: Transaction, openid: str) -> UserRow | None:
    """Read the user of an openid of our AppID, and lock the row; None if there is none."""
    row = tx.execute(SELECT_BY_OPENID, {"appid": settings().appid, "openid": openid}).first()
    return None if row is None else UserRow._make(row)


def insert_user(tx: Transaction, login: Login, exchanged_at: datetime) -> UserRow:
    """Insert the user of a WeChat login.

    If a simultaneous login inserts the same user, the transaction is run again.
    """
    values: dict[str, Any] = {
        "public_id": secrets.token_hex(12),
        "appid": settings().appid,
        "openid": login.openid,
        "unionid": login.unionid,
        "session_key_at": exchanged_at,
        "created_at": exchanged_at,
    }
    sealed = keyring().seal(login.session_key)
    inserted = tx.execute(INSERT_USER, {**values, "session_key": sealed})
    return _row(id=inserted.lastrowid, **values)


def store_session_key(tx: Transaction, user: UserRow, login: Login, exchanged_at: datetime) -> None:
    """Store the session_key of a login, unless a later login has already stored a newer one."""
    at = user.session_key_at
    if at is not None and exchanged_at < at < exchanged_at + MAX_REORDER:
        return
    values = {
        "session_key": keyring().seal(login.session_key),
        "session_key_at": exchanged_at,
        "unionid": login.unionid or user.unionid,
    }
    tx.execute(update(User).where(User.id == user.id).values(values))


def session_key(connection: Connection, user_id: int) -> str | None:
    """Return the newest session_key of a user; None if there is none or it cannot be unsealed."""
    sealed = connection.scalar(select(User.session_key).where(User.id == user_id))
    return None if sealed is None else keyring().unseal(sealed)


def _row(**values: Any) -> UserRow:  # noqa: ANN401 (columns)
    return UserRow(**{**dict.fromkeys(UserRow._fields), **values})
