"""The outbox: a message is written down before it is sent, and one process at a time sends it.

All times are the database's clock: several servers send.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Exists, and_, exists, insert, select, update
from sqlalchemy.orm import aliased

from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.messages import ledger
from myapi.messages.models import SENDING, WAITING, Message
from myapi.users import accounts
from myapi.users.models import User

#: How long a call may take besides WeChat's time. Then its process was killed, or a dripping answer
#: holds up a command: WeChat itself refuses a second message meanwhile.
BESIDES_WECHAT = timedelta(seconds=5)


@dataclass(frozen=True)
class SentMessage:
    """What has become of a message: `state` is one of those in `messages/models.py`."""

    id: int
    state: str
    #: Why it has failed: the name of an error, such as "wechat_unavailable".
    error: str | None = None
    #: WeChat's own number of that error.
    errcode: int | None = None


class Claimed(NamedTuple):
    """A message that this process sends now."""

    id: int
    user_id: int
    openid: str
    template_id: str
    content: bytes | None
    attempts: int
    created_at: datetime
    queued: bool


class Draft(NamedTuple):
    """A message to be sent; `content` is sealed."""

    template_id: str
    content: bytes
    once: str | None


@transaction
def queue(tx: Transaction, user_id: int, draft: Draft) -> SentMessage:
    accounts.get_or_404(tx, user_id)
    if (found := _find_once(tx, user_id, draft.once)) is not None:
        return found
    ledger.reserve(tx, user_id, draft.template_id)
    at = database_now(tx)
    message_id = _insert(tx, user_id, draft, state=WAITING, at=at, next_at=at)
    return SentMessage(message_id, WAITING)


@transaction
def start(tx: Transaction, user_id: int, draft: Draft) -> Claimed | SentMessage | None:
    """Claim a new message; None while another one is being sent to this user."""
    user = accounts.get_or_404(tx, user_id)
    if (found := _find_once(tx, user_id, draft.once)) is not None:
        return found
    at = database_now(tx)
    if tx.scalar(select(_is_being_sent_to(user_id, at))):
        return None
    ledger.reserve(tx, user_id, draft.template_id)
    until = at + _claim()
    message_id = _insert(tx, user_id, draft, state=SENDING, at=at, next_at=until)
    return Claimed(
        message_id, user_id, user.openid, draft.template_id, draft.content, 1, at, queued=False
    )


def claim_next() -> Claimed | None:
    """Take the next queued message to a user to whom no process is sending."""
    other = aliased(Message)
    while True:
        with reading() as connection:
            at = database_now(connection)
            busy = exists().where(
                other.user_id == Message.user_id, other.state == SENDING, other.next_at > at
            )
            due = and_(Message.state == WAITING, Message.next_at <= at)
            statement = (
                select(Message.id, Message.user_id)
                .join(User, User.id == Message.user_id)
                .where(due, User.appid == settings().appid, ~busy)
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
    if user is None or tx.scalar(select(_is_being_sent_to(user_id, at))):
        return None
    this = update(Message).where(Message.id == message_id, Message.state == WAITING)
    claim = this.where(Message.next_at <= at)
    values = {"state": SENDING, "next_at": at + _claim(), "attempts": Message.attempts + 1}
    if not changed(tx, claim.values(values)):
        return None
    columns = (Message.template_id, Message.content, Message.attempts, Message.created_at)
    row = tx.execute(select(*columns).where(Message.id == message_id)).one()
    template_id, content, attempts, created_at = row
    return Claimed(
        message_id, user_id, user.openid, template_id, content, attempts, created_at, queued=True
    )


def _find_once(tx: Transaction, user_id: int, once: str | None) -> SentMessage | None:
    if once is None:
        return None
    columns = (Message.id, Message.state, Message.error, Message.errcode)
    named = select(*columns).where(Message.user_id == user_id, Message.once == once)
    row = tx.execute(named).first()
    return None if row is None else SentMessage(row.id, row.state, row.error, row.errcode)


def _insert(
    tx: Transaction, user_id: int, draft: Draft, *, state: str, at: datetime, next_at: datetime
) -> int:
    values = {
        "user_id": user_id,
        **draft._asdict(),
        "state": state,
        "attempts": 0 if state == WAITING else 1,
        "created_at": at,
        "next_at": next_at,
    }
    return int(tx.execute(insert(Message).values(values)).lastrowid)


def _is_being_sent_to(user_id: int, at: datetime) -> Exists:
    return exists().where(
        Message.user_id == user_id, Message.state == SENDING, Message.next_at > at
    )


def _claim() -> timedelta:
    return BESIDES_WECHAT + timedelta(seconds=settings().wechat_timeout)
