"""What operators and users see of the messages, and how long."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select

from myapi.clock import iso
from myapi.db.clock import database_now
from myapi.db.pagination import Page, by_no_index, page
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.messages.models import FAILED, SENDING, SENT, WAITING, Message
from myapi.users.models import User

#: How long the rows are kept. What a message says is gone once WeChat has it.
AGE = timedelta(days=90)
BATCH = 500


def messages(
    limit: int,
    after: int | None = None,
    *,
    state: str | None = None,
    template_id: str | None = None,
    user_id: int | None = None,
) -> Page:
    """List messages to users of our AppID, the newest first."""
    where = [by_no_index(User.appid) == settings().appid]
    for column, value in (
        (by_no_index(Message.state) if state == SENT else Message.state, state),
        (Message.template_id, template_id),
        (Message.user_id, user_id),
    ):
        if value is not None:
            where.append(column == value)
    return page(_MESSAGES.where(*where), Message.id, limit, after)


def backlog() -> tuple[int, int]:
    """Return how many messages have failed within a day, and how many wait for over an hour.

    A user's "no" is no failure.
    """
    ours = select(func.count()).select_from(Message).join(User, User.id == Message.user_id)
    ours = ours.where(User.appid == settings().appid)
    with reading() as connection:
        at = database_now(connection)
        lately = Message.created_at > at - timedelta(days=1)
        of_us = Message.error != "message_not_permitted"
        failed = connection.scalar(ours.where(Message.state == FAILED, of_us, lately))
        early = Message.created_at < at - timedelta(hours=1)
        late = connection.scalar(ours.where(Message.state == WAITING, early))
    return failed or 0, late or 0


def export(connection: Connection, user_id: int) -> list[dict[str, Any]]:
    """Return the messages to a user, for the export."""
    rows = connection.execute(_MESSAGES.where(Message.user_id == user_id).order_by(Message.id))
    return [
        {
            "template_id": row.template_id,
            "state": row.state,
            "created_at": iso(row.created_at),
            "sent_at": row.sent_at and iso(row.sent_at),
        }
        for row in rows
    ]


def purge_batch() -> int:
    """Delete the rows of messages after AGE; return how many, at most BATCH."""
    with reading() as connection:  # it goes through all of them, and nobody waits for it
        old = Message.created_at < database_now(connection) - AGE
        settled = Message.state.not_in((WAITING, SENDING))
        found = connection.scalars(select(Message.id).where(old, settled).limit(BATCH)).all()
    return _delete(list(found))


@transaction
def _delete(tx: Transaction, found: list[int]) -> int:
    return changed(tx, delete(Message).where(Message.id.in_(found)))


_MESSAGES = select(
    Message.id,
    User.public_id.label("user"),
    Message.template_id,
    Message.state,
    Message.attempts,
    Message.error,
    Message.errcode,
    Message.msgid,
    Message.once,
    Message.created_at,
    Message.next_at,
    Message.sent_at,
).join(User, User.id == Message.user_id)
