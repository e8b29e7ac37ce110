"""What becomes of a message: what WeChat answered, what its event tells, and what nobody tells.

All changes are made under the lock of the user's row.
"""

from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import and_, or_, select, update

from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.messages import ledger
from myapi.messages.models import (
    CONFIRMED_WITHIN,
    FAILED,
    SENDING,
    SENT,
    UNKNOWN,
    WAITING,
    Message,
)
from myapi.messages.outbox import Claimed, SentMessage, is_lost
from myapi.messages.rules import is_template_id
from myapi.users import accounts
from myapi.users.models import User
from myapi.wechat import NotPermitted, WeChatError

#: The `error` of a message of which WeChat has pushed no event.
NOT_CONFIRMED = "not_confirmed"
#: `next_at` of what is never looked at again.
NEVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
BATCH = 500


@transaction
def note_sent(tx: Transaction, message: Claimed, msgid: str | None) -> SentMessage:
    """Note that WeChat has taken a message."""
    accounts.lock(tx, message.user_id)
    values = {"state": SENT, "error": None, "errcode": None, "sent_at": database_now(tx)}
    _change(tx, message, msgid=msgid, content=None, **values)
    return SentMessage(message.id, SENT)


@transaction
def note_error(
    tx: Transaction, message: Claimed, error: WeChatError, pause: timedelta | None
) -> SentMessage:
    """Note that WeChat has not taken a message; it is tried again after `pause`, if at all."""
    accounts.lock(tx, message.user_id)
    at = database_now(tx)
    why: dict[str, Any] = {"error": error.name, "errcode": error.errcode}
    if error.undecided:
        _change(tx, message, state=UNKNOWN, content=None, next_at=at + CONFIRMED_WITHIN, **why)
        return SentMessage(message.id, UNKNOWN, **why)
    if pause is not None and _change(tx, message, state=WAITING, next_at=at + pause, **why):
        return SentMessage(message.id, WAITING, **why)
    if _change(tx, message, state=FAILED, content=None, once=None, **why):
        if isinstance(error, NotPermitted):
            ledger.end(tx, message.user_id, message.template_id, at)
        else:
            ledger.give_back(tx, message.user_id, message.template_id, message.created_at)
    return SentMessage(message.id, FAILED, **why)


def _change(tx: Transaction, message: Claimed, **values: Any) -> bool:  # noqa: ANN401
    """Change a message that is still open; what WeChat's event has told stays."""
    # What was given up as lost has no text any more: it cannot wait.
    states = (SENDING,) if values["state"] == WAITING else (SENDING, UNKNOWN)
    mine = (Message.id == message.id, Message.attempts == message.attempts)
    return changed(tx, update(Message).where(*mine, Message.state.in_(states)).values(values)) > 0


@transaction
def confirm(tx: Transaction, user_id: int, template_id: str, msgid: str, errcode: int) -> None:
    """Note what WeChat tells of a message after it was sent; of an unknown one nothing.

    Raises LookupError if it may be about a message that is being sent: ask again later.
    """
    if not is_template_id(template_id) or accounts.lock(tx, user_id) is None:
        return
    mine = and_(Message.user_id == user_id, Message.template_id == template_id)
    message_id = tx.scalar(select(Message.id).where(mine, Message.msgid == msgid))
    if message_id is None:
        message_id = _without_answer(tx, mine)
    if message_id is None:
        return
    told: dict[str, Any] = {"state": SENT, "error": None, "errcode": None}
    if errcode:
        told = {"state": FAILED, "error": "not_delivered", "errcode": errcode, "once": None}
    else:
        told["sent_at"] = database_now(tx)
    this = update(Message).where(Message.id == message_id)
    given_back = this.where(Message.error == NOT_CONFIRMED)
    if changed(tx, given_back.values(error=None)):
        ledger.use(tx, user_id, template_id)
    tx.execute(this.values(msgid=msgid, content=None, **told))


def _without_answer(tx: Transaction, mine: Any) -> int | None:  # noqa: ANN401 (a condition)
    """Return the message that an event may be about whose msgid we do not know: the oldest."""
    if tx.scalar(select(Message.id).where(mine, Message.state == SENDING).limit(1)):
        raise LookupError("its message may be on its way")
    nameless = select(Message.id).where(mine, Message.msgid.is_(None)).order_by(Message.id).limit(1)
    open_still = or_(Message.state == UNKNOWN, Message.error == NOT_CONFIRMED)
    found: int | None = tx.scalar(nameless.where(Message.state == SENT))
    return found if found is not None else tx.scalar(nameless.where(open_still))


def settle_lost() -> None:
    """Settle the messages of killed processes, and those of which WeChat has told nothing."""
    with reading() as connection:
        at = database_now(connection)
        open_still = or_(
            and_(Message.state == SENDING, is_lost(at)),
            and_(Message.state == UNKNOWN, Message.next_at <= at),
        )
        ours = select(Message.id, Message.user_id).join(User, User.id == Message.user_id)
        statement = ours.where(open_still, User.appid == settings().appid).limit(BATCH)
        found = connection.execute(statement).all()
    for row in found:
        _settle(row.id, row.user_id, at)


@transaction
def _settle(tx: Transaction, message_id: int, user_id: int, at: datetime) -> None:
    accounts.lock(tx, user_id)
    this = update(Message).where(Message.id == message_id)
    lost = {"state": UNKNOWN, "content": None, "next_at": at + CONFIRMED_WITHIN}
    if changed(tx, this.where(Message.state == SENDING, is_lost(at)).values(lost)):
        return
    silent = this.where(Message.state == UNKNOWN, Message.next_at <= at)
    if not settings().takes_pushes:  # nothing will ever tell
        tx.execute(silent.values(next_at=NEVER))
        return
    # Its name stays taken: an event that comes after all still tells that it was sent.
    if changed(tx, silent.values(state=FAILED, error=NOT_CONFIRMED)):
        columns = (Message.template_id, Message.created_at)
        row = tx.execute(select(*columns).where(Message.id == message_id)).one()
        ledger.give_back(tx, user_id, row.template_id, row.created_at)
