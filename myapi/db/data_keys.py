"""Keys for digests that stay valid through a rotation of the secret keys.

They are random and stored in the database, sealed under the secret keys, which a rotation reseals.
"""

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.orm import Mapped, mapped_column

from myapi.clock import now
from myapi.db.transactions import Transaction, insert_or_lock
from myapi.db.types import ON_MYSQL, SEALED, UtcDateTime, binary, exact
from myapi.extensions import Base, keyring
from myapi.security.keyring import keyed_digest

log = logging.getLogger(__name__)


class DataKey(Base):
    """A random key, sealed."""

    __tablename__ = "data_keys"
    __table_args__ = ON_MYSQL

    name: Mapped[str] = mapped_column(exact(32), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(binary(255), info=SEALED)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


SELECT_KEYS = select(DataKey.sealed).order_by(DataKey.created_at, DataKey.name)


def data_keys(connection: Connection) -> list[bytes]:
    """Return the keys that can be unsealed, newest last: one, unless a secret key was lost."""
    return _unsealed(connection.scalars(SELECT_KEYS).all())


def newest_data_key(tx: Transaction) -> bytes:
    """Return the newest key; add one if there is none that can be unsealed.

    If another transaction adds one at the same time, that one is used. A key that cannot be
    unsealed is kept: its digests are found again once its secret key is restored.
    """
    sealed = tx.scalars(SELECT_KEYS).all()
    if keys := _unsealed(sealed):
        return keys[-1]
    key = secrets.token_hex(32)
    # Numbered by what was read above: one that was added since then has this name.
    name = f"digests-{len(sealed) + 1}"
    insert_or_lock(tx, DataKey, {"name": name, "sealed": keyring().seal(key), "created_at": now()})
    return (data_keys(tx) or [bytes.fromhex(key)])[-1]


def digest(key: bytes, purpose: str, text: str) -> bytes:
    """Return the digest of a text. One of another purpose, or by another key, tells nothing."""
    return keyed_digest(keyed_digest(key, purpose), text)


def digests(connection: Connection, purpose: str, text: str) -> list[bytes]:
    """Return the digests of a text by all keys, to look for it."""
    return [digest(key, purpose, text) for key in data_keys(connection)]


def _unsealed(sealed: Sequence[bytes]) -> list[bytes]:
    keys = [bytes.fromhex(key) for each in sealed if (key := keyring().unseal(each)) is not None]
    if sealed and not keys:
        # Log it and go on: refusing every new user would do more harm.
        log.error(
            "no secret key unseals the key of digests: bans of erased accounts have no effect,"
            " and no user is found by a phone number"
        )
    return keys
