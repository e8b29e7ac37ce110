"""Bans that outlive an erased account, kept as keyed digests of (appid, openid).

Nothing but a login by that same openid can tell whom a digest stands for. The key is the
database's own, sealed under the secret keys: so a rotation of these leaves every ban in force.
"""

import logging
import secrets

from sqlalchemy import delete, exists, select

from myapi.clock import now
from myapi.database import Transaction, changed, insert_or_lock
from myapi.extensions import keyring
from myapi.keyring import keyed_digest
from myapi.models import BannedOpenid, DataKey
from myapi.statements import Statement

log = logging.getLogger(__name__)

KEY_NAME = "banned-openids"


def keep(tx: Transaction, appid: str, openid: str) -> None:
    keys = _keys(tx) or _with_new_key(tx)
    insert_or_lock(
        tx, BannedOpenid, {"digest": _digest(keys[-1], appid, openid), "created_at": now()}
    )


def stands(tx: Transaction, appid: str, openid: str) -> bool:
    digests = [_digest(key, appid, openid) for key in _keys(tx)]
    if not digests:
        return False
    return bool(tx.scalar(select(exists().where(BannedOpenid.digest.in_(digests)))))


def lift(tx: Transaction, appid: str, openid: str) -> bool:
    """Forget the ban of an erased account; False where there was none."""
    digests = [_digest(key, appid, openid) for key in _keys(tx)]
    return changed(tx, delete(BannedOpenid).where(BannedOpenid.digest.in_(digests))) > 0


def _keys(tx: Transaction) -> list[str]:
    """Return the keys that the secret keys open, the newest last: one, if none was ever lost."""
    sealed = _SEALED.all(tx, {})
    keys = [key for each in sealed if (key := keyring().unseal(each[0])) is not None]
    if sealed and not keys:
        # Refusing every new user for it would be the greater harm.
        log.error("the bans of erased accounts are void: no secret key opens their key")
    return keys


def _with_new_key(tx: Transaction) -> list[str]:
    """Make a key, unless another transaction does so at this moment: then theirs stands.

    One that no secret key opens stays beside it: its bans come back with such a key.
    """
    key = secrets.token_hex(32)
    name = f"{KEY_NAME}-{len(_SEALED.all(tx, {})) + 1}"
    insert_or_lock(tx, DataKey, {"name": name, "sealed": keyring().seal(key), "created_at": now()})
    return _keys(tx) or [key]


_SEALED = Statement(select(DataKey.sealed).order_by(DataKey.created_at, DataKey.name))


def _digest(key: str, appid: str, openid: str) -> bytes:
    return keyed_digest(bytes.fromhex(key), f"{appid}\0{openid}")
