"""Settling messages whose outcome is open: of killed processes, and those whose answer was lost."""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import select, update

from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.messages import ledger
from myapi.messages.models import CONFIRMED_WITHIN, FAILED, SENDING, SENT, UNKNOWN, Message
from myapi.users import accounts

#: `next_at` of what is never looked at again.
NEVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
BATCH = 500


def settle_lost() -> None:
    """Settle the messages of killed processes, and those of which WeChat has said nothing."""
    with reading() as connection:
        at = database_now(connection)
        open_still = select(Message.id, Message.user_id).where(
            Message.state.in_((SENDING, UNKNOWN)), Message.next_at <= at
        )
        found = connection.execute(open_still.limit(BATCH)).all()
    for row in found:
        _settle(row.id, row.user_id, at)


@transaction
def _settle(tx: Transaction, message_id: int, user_id: int, at: datetime) -> None:
    accounts.lock(tx, user_id)
    this = update(Message).where(Message.id == message_id, Message.next_at <= at)
    lost = {"state": UNKNOWN, "content": None, "next_at": at + CONFIRMED_WITHIN}
    if changed(tx, this.where(Message.state == SENDING).values(lost)):
        return
    # Without pushes nothing will ever tell: it stays unknown, and is not looked at again.
    told = settings().takes_pushes
    silent = (
        {"state": FAILED, "error": "not_confirmed", "once": None} if told else {"next_at": NEVER}
    )
    if changed(tx, this.where(Message.state == UNKNOWN).values(silent)) and told:
        columns = (Message.template_id, Message.created_at)
        row = tx.execute(select(*columns).where(Message.id == message_id)).one()
        ledger.give_back(tx, user_id, row.template_id, row.created_at)


@transaction
def confirm(tx: Transaction, user_id: int, template_id: str, msgid: str, errcode: int) -> bool:
    """Note what WeChat says of a message after it was sent; False if there is none like it.

    The event may come before the answer, or instead of it: then it is about the oldest message of
    this template whose answer is not known.
    """
    if accounts.lock(tx, user_id) is None:
        return True
    mine = select(Message.id).where(Message.user_id == user_id, Message.template_id == template_id)
    message_id = tx.scalar(mine.where(Message.msgid == msgid)) or tx.scalar(
        mine.where(Message.state.in_((SENDING, UNKNOWN)), Message.msgid.is_(None))
        .order_by(Message.id)
        .limit(1)
    )
    if message_id is None:
        return False
    values: dict[str, Any] = {"state": SENT, "error": None, "sent_at": database_now(tx)}
    if errcode:
        values = {"state": FAILED, "error": "not_delivered", "errcode": errcode, "once": None}
    this = update(Message).where(Message.id == message_id)
    tx.execute(this.values(msgid=msgid, content=None, **values))
    return True
