"""What was done: login, ban, erase and the like, one log line each."""

import functools
import logging
from typing import Any

from myapi.db.transactions import Transaction, after_commit

log = logging.getLogger(__name__)


def record(tx: Transaction, event: str, *, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401
    """Log `event` once `tx` is committed; if it is rolled back, nothing is logged."""
    after_commit(tx, functools.partial(record_now, event, level=level, **fields))


def record_now(event: str, *, level: int = logging.WARNING, **fields: Any) -> None:  # noqa: ANN401
    """Log an event that belongs to no transaction."""
    log.log(level, event, extra={"event": event, **fields})
