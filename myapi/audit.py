"""Events that matter (login, ban, erase, …): logged when what they tell of is committed."""

import logging
from typing import Any

from sqlalchemy import Connection as Transaction

log = logging.getLogger(__name__)

Notes = list[tuple[int, str, dict[str, Any]]]


def begin(tx: Transaction) -> None:
    """Have nothing told yet; what a former transaction on this connection did not say is gone."""
    tx.info["audit"] = []


def note(tx: Transaction, event: str, *, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401
    """Have `event` logged after the commit of `tx`; rolled back, it never happened."""
    told(tx).append((level, event, fields))


def told(tx: Transaction) -> Notes:
    """Return what was noted since `begin`."""
    notes: Notes = tx.info["audit"]
    return notes


def publish(notes: Notes) -> None:
    for level, event, fields in notes:
        log.log(level, event, extra={"event": event, **fields})
