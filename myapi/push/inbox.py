"""The inbox: an event is stored once, and handled until its handlers have succeeded.

All times are the database's: several servers share the inbox.
"""

import functools
import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import Connection, Update, delete, func, insert, select, update

from myapi.clock import iso
from myapi.concurrency import bounded
from myapi.db.clock import database_now
from myapi.db.data_keys import digest, digests, newest_data_key
from myapi.db.pagination import Page, page
from myapi.db.transactions import Transaction, after_commit, changed, reading, transaction
from myapi.extensions import keyring, settings
from myapi.push.models import DONE, FAILED, WAITING, Event
from myapi.push.people import name_of, openid_in
from myapi.users import accounts
from myapi.users.models import User
from myapi.wechat.push import Push

log = logging.getLogger(__name__)

TEXT, USER = "event", "event-user"  # the purposes of digests

#: How long a handler may take. Then another process may try: the first may have been killed.
CLAIM = timedelta(minutes=5)
#: After this a worker breaks a handler off, so that no other process handles the event meanwhile.
BROKEN_OFF = CLAIM - timedelta(seconds=30)
#: How long after a failed attempt the next one is made. After the last of them there is none.
PAUSES = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24)),
)
#: How long texts and digests are kept.
TEXT_AGE = timedelta(days=30)
DIGEST_AGE = timedelta(days=400)
BATCH = 500

#: Called with the event's name and the event; raises if it is to be tried again.
Handle = Callable[[str, dict[str, Any]], None]


class Claimed(NamedTuple):
    """An event that this process handles now."""

    id: int
    name: str
    text: bytes | None
    attempts: int


@transaction
def store(tx: Transaction, push: Push) -> bool:
    """Store an event; False if it is there already: WeChat has sent it again."""
    key = newest_data_key(tx)
    text = push.text.decode(errors="replace")
    if tx.scalar(select(Event.id).where(Event.digest.in_(digests(tx, TEXT, text)))) is not None:
        return False
    at = database_now(tx)
    openid = openid_in(push.event)
    values = {
        "appid": settings().appid,
        "digest": digest(key, TEXT, text),
        "user_digest": openid and digest(key, USER, _user(openid)),
        "name": name_of(push.event),
        "text": keyring().seal(json.dumps(push.event, ensure_ascii=False)),
        "state": WAITING,
        "attempts": 0,
        "created_at": at,
        "next_at": at,
    }
    tx.execute(insert(Event).values(values))
    return True


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
def retry(tx: Transaction, event_id: int) -> bool:
    """Let an event be handled again at once; False if there is none, or its text is gone."""
    this = (Event.id == event_id, Event.appid == settings().appid, Event.text.is_not(None))
    again = {"state": WAITING, "next_at": database_now(tx), "attempts": 0}
    return changed(tx, update(Event).where(*this).values(again)) > 0


def of_user(connection: Connection, user_id: int) -> list[dict[str, Any]]:
    """Return what WeChat's events say of a user, for the export."""
    openid = connection.scalar(select(User.openid).where(User.id == user_id))
    theirs = Event.user_digest.in_(digests(connection, USER, _user(str(openid))))
    rows = connection.execute(_EVENTS.add_columns(Event.text).where(theirs).order_by(Event.id))
    return [
        {"event": row.name, "created_at": iso(row.created_at), "content": _content(row.text)}
        for row in rows
    ]


def forget_user(tx: Transaction, user_id: int) -> None:
    """Empty the events of a user who is being erased."""
    user = accounts.lock(tx, user_id)
    if user is not None:
        _forget(tx, user.openid)


@transaction
def forget(tx: Transaction, openid: str) -> None:
    """Empty the events about a person who has no account."""
    _forget(tx, openid)


def _forget(tx: Transaction, openid: str) -> None:
    theirs = Event.user_digest.in_(digests(tx, USER, _user(openid)))
    tx.execute(update(Event).where(theirs).values(text=None, user_digest=None))


def purge_batch() -> tuple[int, int]:
    """Empty the texts of handled events after TEXT_AGE, and delete rows after DIGEST_AGE.

    Returns how many of both, at most BATCH each.
    """
    with reading() as connection:  # it goes through all that were emptied, and nobody waits for it
        at = database_now(connection)
        ancient = Event.created_at < at - DIGEST_AGE
        old = connection.scalars(select(Event.id).where(ancient).limit(BATCH)).all()
        handled = (
            Event.created_at < at - TEXT_AGE,
            Event.text.is_not(None),
            Event.state != WAITING,
        )
        read = select(Event.id).where(~ancient, *handled).limit(BATCH)
        emptied = connection.scalars(read).all()
    return _purge(emptied, old)


@transaction
def _purge(tx: Transaction, read: Sequence[int], old: Sequence[int]) -> tuple[int, int]:
    handled = update(Event).where(Event.id.in_(read), Event.state != WAITING)
    emptied = changed(tx, handled.values(text=None, user_digest=None))
    return emptied, changed(tx, delete(Event).where(Event.id.in_(old)))


def backlog() -> tuple[int, int]:
    """Return how many events of our AppID have failed, and how many wait for over an hour."""
    ours = select(func.count()).select_from(Event).where(Event.appid == settings().appid)
    with reading() as connection:
        hour_ago = database_now(connection) - timedelta(hours=1)
        failed = connection.scalar(ours.where(Event.state == FAILED))
        late = connection.scalar(ours.where(Event.state == WAITING, Event.created_at < hour_ago))
    return failed or 0, late or 0


def events(limit: int, after: int | None = None, *, state: str | None = None) -> Page:
    """List events of our AppID, the newest first."""
    where = [Event.appid == settings().appid]
    if state is not None:
        where.append(Event.state == state)
    return page(_EVENTS.where(*where), Event.id, limit, after)


def event(event_id: int) -> tuple[Any, dict[str, Any] | None] | None:
    """Return the row of an event and what it says; None if there is none, or its text is gone."""
    ours = (Event.id == event_id, Event.appid == settings().appid)
    with reading() as connection:
        row = connection.execute(_EVENTS.add_columns(Event.text).where(*ours)).first()
    if row is None:
        return None
    return row, _content(row.text)


_EVENTS = select(
    Event.id,
    Event.name,
    Event.state,
    Event.attempts,
    Event.last_error,
    Event.created_at,
    Event.next_at,
)


def _content(sealed: bytes | None) -> dict[str, Any] | None:
    """Return what an event says; None if that is gone, or no secret key unseals it."""
    text = None if sealed is None else keyring().unseal(sealed)
    content: dict[str, Any] | None = None if text is None else json.loads(text)
    return content


def _user(openid: str) -> str:
    return f"{settings().appid}\0{openid}"
