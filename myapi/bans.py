"""Bans that outlive an erased account, kept as keyed digests of (appid, openid).

Nothing but a login by that same openid can tell whom a digest stands for. The key is the
database's own, sealed under the secret keys: so a rotation of these leaves every ban in force.
"""

import logging
import secrets

from sqlalchemy import bindparam, delete, exists, select, update

from myapi.clock import now
from myapi.database import Transaction, changed, insert_or_lock
from myapi.extensions import keyring
from myapi.keyring import keyed_digest
from myapi.models import BannedOpenid, DataKey
from myapi.statements import Statement

log = logging.getLogger(__name__)

KEY_NAME = "banned-openids"


def keep(tx: Transaction, appid: str, openid: str) -> None:
    digest = _digest(_key(tx) or _new_key(tx), appid, openid)
    insert_or_lock(tx, BannedOpenid, {"digest": digest, "created_at": now()})


def stands(tx: Transaction, appid: str, openid: str) -> bool:
    key = _key(tx)
    if key is None:
        return False
    return bool(
        tx.scalar(select(exists().where(BannedOpenid.digest == _digest(key, appid, openid))))
    )


def lift(tx: Transaction, appid: str, openid: str) -> bool:
    """Forget the ban of an erased account; False where there was none."""
    key = _key(tx)
    if key is None:
        return False
    gone = delete(BannedOpenid).where(BannedOpenid.digest == _digest(key, appid, openid))
    return changed(tx, gone) > 0


def _key(tx: Transaction) -> str | None:
    found = _SEALED.first(tx, {"name": KEY_NAME})
    if found is None:
        return None
    key = keyring().unseal(found[0])
    if key is None:
        # Refusing every new user for it would be the greater harm.
        log.error("the bans of erased accounts are void: no secret key opens their key")
    return key


def _new_key(tx: Transaction) -> str:
    """Make the key, unless another transaction does so at this moment: then theirs stands."""
    key = secrets.token_hex(32)
    fresh = {"sealed": keyring().seal(key), "created_at": now()}
    if _SEALED.first(tx, {"name": KEY_NAME}):  # one that no secret key opens any more
        tx.execute(update(DataKey).where(DataKey.name == KEY_NAME).values(fresh))
        return key
    insert_or_lock(tx, DataKey, {"name": KEY_NAME, **fresh})
    return _key(tx) or key


_SEALED = Statement(select(DataKey.sealed).where(DataKey.name == bindparam("name")))


def _digest(key: str, appid: str, openid: str) -> bytes:
    return keyed_digest(bytes.fromhex(key), f"{appid}\0{openid}")
