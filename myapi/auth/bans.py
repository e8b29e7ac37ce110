"""Ban users, and keep the bans of erased accounts.

The ban of an erased account is a keyed digest of (appid, openid), which only a login with the same
openid can match. Its key stays through a rotation of the secret keys, and so do bans.
"""

import logging

from sqlalchemy import Connection, delete, exists, select, update

from myapi import audit
from myapi.auth import sessions
from myapi.auth.models import BannedOpenid
from myapi.clock import now
from myapi.db import data_keys
from myapi.db.transactions import Transaction, changed, insert_or_lock, transaction
from myapi.extensions import settings
from myapi.security.keyring import keyed_digest
from myapi.users import accounts, erasure, events
from myapi.users.models import User


@transaction
def ban(tx: Transaction, user_id: int, reason: str | None = None) -> int | None:
    """Ban a user and end all sessions; return how many were ended, None if already banned."""
    user = accounts.get_or_404(tx, user_id)
    if user.banned_at is not None:
        return None
    tx.execute(update(User).where(User.id == user_id).values(banned_at=now()))
    ended = sessions.end_all(tx, user_id)
    audit.record(tx, "ban", level=logging.WARNING, user=user.public_id, reason=reason)
    events.announce(tx, "ban", user_id)
    return ended


@transaction
def unban(tx: Transaction, user_id: int, reason: str | None = None) -> bool:
    """Lift a ban; False if there is none. The sessions that it ended stay ended."""
    user = accounts.get_or_404(tx, user_id)
    if user.banned_at is None:
        return False
    _clear(tx, user_id)
    audit.record(tx, "unban", level=logging.WARNING, user=user.public_id, reason=reason)
    events.announce(tx, "unban", user_id)
    return True


@transaction
def unban_erased(tx: Transaction, openid: str, reason: str | None = None) -> bool:
    """Lift the ban of an erased account of our AppID; False if there is none."""
    lifted = remove(tx, settings().appid, openid)
    if lifted:
        audit.record(tx, "unban_erased", level=logging.WARNING, reason=reason)
    return lifted


@transaction
def erase_with_ban(tx: Transaction, user_id: int, reason: str | None = None) -> None:
    """Erase an account together with its ban, so that the person may sign up again."""
    _clear(tx, user_id)
    erasure.erase_account(tx, user_id, reason)


def keep_when_erased(tx: Transaction, user_id: int) -> None:
    """Keep the ban of a user who is being erased."""
    user = accounts.lock(tx, user_id)
    if user is not None and user.banned_at is not None:
        add(tx, user.appid, user.openid)


def add(tx: Transaction, appid: str, openid: str) -> None:
    digest = _digest(data_keys.newest_data_key(tx), appid, openid)
    insert_or_lock(tx, BannedOpenid, {"digest": digest, "created_at": now()})


def exists_for(tx: Transaction, appid: str, openid: str) -> bool:
    if not (digests := _digests(tx, appid, openid)):
        return False
    return bool(tx.scalar(select(exists().where(BannedOpenid.digest.in_(digests)))))


def remove(tx: Transaction, appid: str, openid: str) -> bool:
    """Remove the ban of an erased account; False if there was none."""
    digests = _digests(tx, appid, openid)
    return changed(tx, delete(BannedOpenid).where(BannedOpenid.digest.in_(digests))) > 0


def _clear(tx: Transaction, user_id: int) -> None:
    tx.execute(update(User).where(User.id == user_id).values(banned_at=None))


def _digests(connection: Connection, appid: str, openid: str) -> list[bytes]:
    return [_digest(key, appid, openid) for key in data_keys.data_keys(connection)]


def _digest(key: bytes, appid: str, openid: str) -> bytes:
    return keyed_digest(key, f"{appid}\0{openid}")
