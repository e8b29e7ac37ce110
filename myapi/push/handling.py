"""Handle the events of the inbox: each by one process at a time, until its handlers succeed.

All times are the database's: several servers share the inbox.
"""

import functools
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import Update, select, update

from myapi import audit
from myapi.concurrency import bounded
from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, after_commit, changed, reading, transaction
from myapi.extensions import keyring, settings
from myapi.push.models import DONE, FAILED, WAITING, Event

log = logging.getLogger(__name__)

#: How long a handler may take. Then another process may try: the first may have been killed.
CLAIM = timedelta(minutes=5)
#: After this a worker breaks a handler off, so that no other process handles the event meanwhile.
BROKEN_OFF = CLAIM - timedelta(seconds=30)
#: How long after a failed attempt the next one is made. After the last of them there is none.
PAUSES = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24)),
)

#: Called with the event's name and the event; raises if it is to be tried again.
Handle = Callable[[str, dict[str, Any]], None]


class Claimed(NamedTuple):
    """An event that this process handles now."""

    id: int
    name: str
    text: bytes | None
    attempts: int


def handle_due(handle: Handle, limit: int | None = None) -> tuple[int, int]:
    """Handle the events whose time has come; return how many succeeded and how many failed."""
    succeeded = failed = 0
    while (limit is None or succeeded + failed < limit) and (event := _claim_next()):
        if _handle(handle, event):
            succeeded += 1
        else:
            failed += 1
    return succeeded, failed


def _handle(handle: Handle, event: Claimed) -> bool:
    try:
        text = None if event.text is None else keyring().unseal(event.text)
        if event.text is not None and text is None:
            raise ValueError("no secret key unseals the event")
        if text is not None:
            # In a context of its own: what it waits for the database is no part of our deadline.
            with current_app.app_context(), bounded(BROKEN_OFF.total_seconds()):
                audit.act_as("event", event.name)
                handle(event.name, json.loads(text))
    except Exception as error:
        log.exception(
            "the event %s (%s) could not be handled",
            event.id,
            event.name,
            extra={"event": "event_failed"},
        )
        _record_failure(event, type(error).__name__)
        return False
    _record_success(event)
    return True


def _claim_next() -> Claimed | None:
    """Take the next event whose time has come: until its claim ends, no other process does."""
    columns = (Event.id, Event.name, Event.text, Event.attempts)
    while True:
        with reading() as connection:
            at = database_now(connection)
            due = (Event.state == WAITING, Event.next_at <= at, Event.appid == settings().appid)
            statement = select(*columns).where(*due).order_by(Event.next_at, Event.id)
            row = connection.execute(statement.limit(1)).first()
        if row is None:
            return None
        found = Claimed(*row)
        if _claim(found, at):
            return found._replace(attempts=found.attempts + 1)


@transaction
def _claim(tx: Transaction, found: Claimed, at: datetime) -> bool:
    """Claim an event, unless another process was first, or each attempt has ended its process."""
    unclaimed = _update(found).where(Event.state == WAITING, Event.next_at <= at)
    if found.attempts > len(PAUSES):
        if changed(tx, unclaimed.values(state=FAILED, last_error="its process ended")):
            after_commit(tx, functools.partial(_log_given_up, found))
        return False
    values = {"next_at": at + CLAIM, "attempts": found.attempts + 1}
    return changed(tx, unclaimed.values(values)) > 0


def _log_given_up(event: Claimed) -> None:
    log.error(
        "each attempt to handle the event %s (%s) has ended its process",
        event.id,
        event.name,
        extra={"event": "event_failed"},
    )


@transaction
def _record_success(tx: Transaction, event: Claimed) -> None:
    tx.execute(_update(event).values(state=DONE, last_error=None))


@transaction
def _record_failure(tx: Transaction, event: Claimed, error: str) -> None:
    if event.attempts > len(PAUSES):
        values: dict[str, Any] = {"state": FAILED}
    else:
        values = {"next_at": database_now(tx) + PAUSES[event.attempts - 1]}
    tx.execute(_update(event).values(last_error=error[:255], **values))


def _update(event: Claimed) -> Update:
    return update(Event).where(Event.id == event.id, Event.attempts == event.attempts)


@transaction
def retry(tx: Transaction, event_id: int, reason: str | None = None) -> bool:
    """Let an event be handled again at once; False if there is none, or its text is gone."""
    this = (Event.id == event_id, Event.appid == settings().appid, Event.text.is_not(None))
    again = {"state": WAITING, "next_at": database_now(tx), "attempts": 0}
    found = changed(tx, update(Event).where(*this).values(again)) > 0
    if found:
        audit.record(tx, "event_retried", reason=reason, number=event_id)
    return found
