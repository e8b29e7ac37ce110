"""The outbox: a message is written down before it is sent, and one process at a time sends it.

All times are the database's clock: several servers send.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, insert, select, update
from sqlalchemy.orm import aliased
from sqlalchemy.orm.util import AliasedClass

from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import keyring, settings
from myapi.messages import ledger
from myapi.messages.models import SENDING, WAITING, Message
from myapi.users import accounts
from myapi.users.models import User

#: How long a call may take besides WeChat's time, which a command may need for each of two tokens
#: and two calls. Then its process was killed.
BESIDES_WECHAT = timedelta(seconds=5)


@dataclass(frozen=True)
class SentMessage:
    """A message and its present state, one of `STATES` in `messages/models.py`."""

    id: int
    state: str
    #: Why it has failed: the name of an error, such as "wechat_unavailable".
    error: str | None = None
    #: WeChat's own number of that error.
    errcode: int | None = None
    #: Whether this call made it; else it is an earlier one of the same name.
    is_new: bool = field(default=True, compare=False)


class Draft(NamedTuple):
    """A message to be sent. `content` is what WeChat gets besides user and template."""

    template_id: str
    content: dict[str, Any]
    once: str | None


class Claimed(NamedTuple):
    """A message that this process sends now. No `content`: no secret key unseals it."""

    id: int
    user_id: int
    openid: str
    template_id: str
    content: dict[str, Any] | None
    attempts: int
    created_at: datetime
    queued: bool


@transaction
def queue(tx: Transaction, user_id: int, draft: Draft) -> SentMessage:
    """Write a message down for later."""
    accounts.get_or_404(tx, user_id)
    if (found := find_once(tx, user_id, draft.once)) is not None:
        return found
    ledger.reserve(tx, user_id, draft.template_id)
    at = database_now(tx)
    sealed = keyring().seal(json.dumps(draft.content, ensure_ascii=False))
    values = {"state": WAITING, "content": sealed, "attempts": 0, "created_at": at, "next_at": at}
    return SentMessage(_insert(tx, user_id, draft, values), WAITING)


def start(user_id: int, draft: Draft) -> Claimed | SentMessage | None:
    """Claim a new message; None while another one is being sent to this user."""
    with reading() as connection:  # who waits looks often, and need not hold up those who write
        if connection.scalar(select(_is_sent_to(user_id, database_now(connection)))):
            return None
    return _start(user_id, draft)


@transaction
def _start(tx: Transaction, user_id: int, draft: Draft) -> Claimed | SentMessage | None:
    user = accounts.get_or_404(tx, user_id)
    if (found := find_once(tx, user_id, draft.once)) is not None:
        return found
    at = database_now(tx)
    if tx.scalar(select(_is_sent_to(user_id, at))):
        return None
    ledger.reserve(tx, user_id, draft.template_id)
    values = {"state": SENDING, "attempts": 1, "created_at": at, "next_at": at + claim()}
    message_id = _insert(tx, user_id, draft, values)
    return Claimed(
        message_id, user_id, user.openid, draft.template_id, draft.content, 1, at, queued=False
    )


def claim_next() -> Claimed | None:
    """Take the next queued message to a user to whom no process is sending."""
    other = aliased(Message)
    while True:
        with reading() as connection:
            at = database_now(connection)
            due = and_(Message.state == WAITING, Message.next_at <= at)
            statement = (
                select(Message.id, Message.user_id)
                .join(User, User.id == Message.user_id)
                .where(
                    due, User.appid == settings().appid, ~_is_sent_to(Message.user_id, at, other)
                )
                .order_by(Message.next_at, Message.id)
            )
            row = connection.execute(statement.limit(1)).first()
        if row is None:
            return None
        if (claimed := _claim_queued(row.id, row.user_id)) is not None:
            return claimed


@transaction
def _claim_queued(tx: Transaction, message_id: int, user_id: int) -> Claimed | None:
    user = accounts.lock(tx, user_id)
    at = database_now(tx)
    if user is None or tx.scalar(select(_is_sent_to(user_id, at))):
        return None
    this = update(Message).where(Message.id == message_id, Message.state == WAITING)
    due = this.where(Message.next_at <= at)
    values = {"state": SENDING, "next_at": at + claim(), "attempts": Message.attempts + 1}
    if not changed(tx, due.values(values)):
        return None
    columns = (Message.template_id, Message.content, Message.attempts, Message.created_at)
    row = tx.execute(select(*columns).where(Message.id == message_id)).one()
    text = keyring().unseal(row.content)
    return Claimed(
        message_id,
        user_id,
        user.openid,
        row.template_id,
        None if text is None else json.loads(text),
        row.attempts,
        row.created_at,
        queued=True,
    )


def claim() -> timedelta:
    """Return how long no other process sends to the user."""
    return BESIDES_WECHAT + 4 * timedelta(seconds=settings().wechat_timeout)


def is_lost(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a message that is being sent is so no more."""
    return ~Message.next_at.between(at, at + claim())


def _is_sent_to(
    user_id: Any,  # noqa: ANN401 (an id, or the column)
    at: datetime,
    message: type[Message] | AliasedClass[Message] = Message,
) -> ColumnElement[bool]:
    """Return the condition that a process is sending to a user.

    A claim that ends later than it could is from when the clock was ahead: it does not count.
    """
    live = message.next_at.between(at, at + claim())
    found: ColumnElement[bool] = exists().where(
        message.user_id == user_id, message.state == SENDING, live
    )
    return found


def find_once(connection: Connection, user_id: int, once: str | None) -> SentMessage | None:
    """Return the message of this name to a user; None if there is none, or no name is given."""
    if once is None:
        return None
    columns = (Message.id, Message.state, Message.error, Message.errcode)
    named = select(*columns).where(Message.user_id == user_id, Message.once == once)
    row = connection.execute(named).first()
    if row is None:
        return None
    return SentMessage(row.id, row.state, row.error, row.errcode, is_new=False)


def _insert(tx: Transaction, user_id: int, draft: Draft, values: dict[str, Any]) -> int:
    of_draft = {"user_id": user_id, "template_id": draft.template_id, "once": draft.once}
    return int(tx.execute(insert(Message).values({**of_draft, **values})).lastrowid)
