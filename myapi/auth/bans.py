"""Ban users, and keep the bans of erased accounts.

The ban of an erased account is a keyed digest of (appid, openid), which only a login with the same
openid can match. The key is stored in the database, sealed under the secret keys, so bans stay in
force through a key rotation.
"""

import logging
import secrets

from sqlalchemy import delete, exists, select, update

from myapi import audit, user_events
from myapi.auth import sessions
from myapi.auth.models import BannedOpenid, DataKey
from myapi.clock import now
from myapi.db.transactions import Transaction, changed, insert_or_lock, transaction
from myapi.extensions import keyring, settings
from myapi.security.keyring import keyed_digest
from myapi.users import accounts, erasure
from myapi.users.models import User

log = logging.getLogger(__name__)

KEY_NAME = "banned-openids"
SELECT_KEYS = select(DataKey.sealed).order_by(DataKey.created_at, DataKey.name)


@transaction
def ban(tx: Transaction, user_id: int) -> int | None:
    """Ban a user and end all sessions; return how many were ended, None if already banned."""
    user = accounts.get_or_404(tx, user_id)
    if user.banned_at is not None:
        return None
    tx.execute(update(User).where(User.id == user_id).values(banned_at=now()))
    ended = sessions.end_all(tx, user_id)
    audit.record(tx, "ban", level=logging.WARNING, user=user.public_id)
    user_events.announce(tx, "ban", user_id)
    return ended


@transaction
def unban(tx: Transaction, user_id: int) -> bool:
    """Lift a ban; False if there is none. The sessions that it ended stay ended."""
    user = accounts.get_or_404(tx, user_id)
    if user.banned_at is None:
        return False
    _clear(tx, user_id)
    audit.record(tx, "unban", level=logging.WARNING, user=user.public_id)
    user_events.announce(tx, "unban", user_id)
    return True


@transaction
def unban_erased(tx: Transaction, openid: str) -> bool:
    """Lift the ban of an erased account of our AppID; False if there is none."""
    lifted = remove(tx, settings().appid, openid)
    if lifted:
        audit.record(tx, "unban_erased", level=logging.WARNING)
    return lifted


@transaction
def erase_with_ban(tx: Transaction, user_id: int) -> None:
    """Erase an account together with its ban, so that the person may sign up again."""
    _clear(tx, user_id)
    erasure.erase_account(tx, user_id)


def keep_when_erased(tx: Transaction, user_id: int) -> None:
    """Keep the ban of a user who is being erased."""
    user = accounts.lock(tx, user_id)
    if user is not None and user.banned_at is not None:
        add(tx, user.appid, user.openid)


def add(tx: Transaction, appid: str, openid: str) -> None:
    keys = _keys(tx) or _add_key(tx)
    digest = _digest(keys[-1], appid, openid)
    insert_or_lock(tx, BannedOpenid, {"digest": digest, "created_at": now()})


def exists_for(tx: Transaction, appid: str, openid: str) -> bool:
    digests = [_digest(key, appid, openid) for key in _keys(tx)]
    if not digests:
        return False
    return bool(tx.scalar(select(exists().where(BannedOpenid.digest.in_(digests)))))


def remove(tx: Transaction, appid: str, openid: str) -> bool:
    """Remove the ban of an erased account; False if there was none."""
    digests = [_digest(key, appid, openid) for key in _keys(tx)]
    return changed(tx, delete(BannedOpenid).where(BannedOpenid.digest.in_(digests))) > 0


def _clear(tx: Transaction, user_id: int) -> None:
    tx.execute(update(User).where(User.id == user_id).values(banned_at=None))


def _keys(tx: Transaction) -> list[str]:
    """Return the keys that can be unsealed, newest last: one, unless a secret key was lost."""
    sealed = tx.scalars(SELECT_KEYS).all()
    keys = [key for each in sealed if (key := keyring().unseal(each)) is not None]
    if sealed and not keys:
        # Log it and go on: refusing every new user would do more harm.
        log.error("the bans of erased accounts have no effect: no secret key unseals their key")
    return keys


def _add_key(tx: Transaction) -> list[str]:
    """Add a key. If another transaction adds one at the same time, that one is used.

    A key that cannot be unsealed is kept: its bans apply again once its secret key is restored.
    """
    key = secrets.token_hex(32)
    name = f"{KEY_NAME}-{len(tx.scalars(SELECT_KEYS).all()) + 1}"
    insert_or_lock(tx, DataKey, {"name": name, "sealed": keyring().seal(key), "created_at": now()})
    return _keys(tx) or [key]


def _digest(key: str, appid: str, openid: str) -> bytes:
    return keyed_digest(bytes.fromhex(key), f"{appid}\0{openid}")
