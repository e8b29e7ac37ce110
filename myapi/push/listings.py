"""What operators and users see of the inbox."""

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from myapi.clock import iso
from myapi.db.clock import database_now
from myapi.db.pagination import Page, by_no_index, page
from myapi.db.transactions import reading
from myapi.extensions import keyring, settings
from myapi.push.inbox import about
from myapi.push.models import DONE, FAILED, WAITING, Event
from myapi.users.models import User


def backlog() -> tuple[int, int]:
    """Return how many events of our AppID have failed, and how many wait for over an hour."""
    ours = select(func.count()).select_from(Event).where(Event.appid == settings().appid)
    with reading() as connection:
        hour_ago = database_now(connection) - timedelta(hours=1)
        failed = connection.scalar(ours.where(Event.state == FAILED))
        late = connection.scalar(ours.where(Event.state == WAITING, Event.created_at < hour_ago))
    return failed or 0, late or 0


def events(
    limit: int,
    after: int | None = None,
    *,
    state: str | None = None,
    besides: str | None = None,
    openid: str | None = None,
) -> Page:
    """List events of our AppID, newest first: in a state, in any other, or about a user."""
    where = [Event.appid == settings().appid]
    if state is not None:
        where.append((by_no_index(Event.state) if state == DONE else Event.state) == state)
    if besides is not None:
        where.append(by_no_index(Event.state) != besides)
    if openid is not None:
        with reading() as connection:
            where.append(about(connection, openid))
    return page(_EVENTS.where(*where), Event.id, limit, after)


def waiting() -> int:
    """Return how many events of our AppID wait to be handled."""
    ours = (Event.appid == settings().appid, Event.state == WAITING)
    with reading() as connection:
        return connection.scalar(select(func.count()).select_from(Event).where(*ours)) or 0


def event(event_id: int) -> tuple[Any, dict[str, Any] | None] | None:
    """Return the row of an event and what it says; None if there is none, or its text is gone."""
    ours = (Event.id == event_id, Event.appid == settings().appid)
    with reading() as connection:
        row = connection.execute(_EVENTS.add_columns(Event.text).where(*ours)).first()
    if row is None:
        return None
    return row, _content(row.text)


def of_user(connection: Connection, user_id: int) -> list[dict[str, Any]]:
    """Return what WeChat's events say of a user, for the export."""
    openid = connection.scalar(select(User.openid).where(User.id == user_id))
    theirs = _EVENTS.add_columns(Event.text).where(about(connection, str(openid)))
    rows = connection.execute(theirs.order_by(Event.id))
    return [
        {"event": row.name, "created_at": iso(row.created_at), "content": _content(row.text)}
        for row in rows
    ]


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
