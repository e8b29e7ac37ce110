"""Events that matter (login, ban, erase, …): logged when what they tell of is committed."""

import logging
from typing import Any

from sqlalchemy import Connection as Transaction

log = logging.getLogger(__name__)


def begin(tx: Transaction) -> None:
    """Forget what a transaction before this one, on the same connection, did not get to say."""
    tx.info["audit"] = []


def note(tx: Transaction, event: str, *, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401
    """Have `event` logged after the commit of `tx`; rolled back, it never happened."""
    tx.info["audit"].append((level, event, fields))


def publish(tx: Transaction) -> None:
    for level, event, fields in tx.info.pop("audit"):
        log.log(level, event, extra={"event": event, **fields})
