"""Sending subscribe messages: one at a time to a user, each by one process, each at most once.

A message uses a permission before WeChat is asked. It gives it back if WeChat refuses it for
another reason than the permission. If WeChat's answer is lost, the message may have arrived: it is
`unknown`, never sent again, and settled by the event that WeChat pushes after sending.
All times are the database's clock: several servers send.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple

from flask import Response, after_this_request, current_app, has_request_context
from sqlalchemy import Exists, and_, exists, insert, select, update
from sqlalchemy.orm import aliased

from myapi.concurrency import FewWait
from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import keyring, settings, wechat
from myapi.messages import ledger, rules
from myapi.messages.models import FAILED, SENDING, SENT, UNKNOWN, WAITING, Message
from myapi.soon import Soon
from myapi.users import accounts
from myapi.users.models import User
from myapi.web.errors import ApiError
from myapi.wechat import MessageInvalid, NotPermitted, WeChatError

log = logging.getLogger(__name__)

MiniProgramState = Literal["formal", "trial", "developer"]
Language = Literal["zh_CN", "en_US", "zh_HK", "zh_TW"]

#: How long a call may take besides WeChat's time; then its process was killed.
BESIDES_WECHAT = timedelta(minutes=1)
#: How long after a failed attempt a queued message is tried again. After the last it has failed.
PAUSES = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
)
#: After this a message whose answer is lost was not sent, if WeChat has pushed no event of it.
CONFIRMED_WITHIN = timedelta(hours=1)

#: `next_at` of what is never looked at again.
NEVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
BATCH = 500

WAIT = 3.0  # s for another message to the same user
POLL = 0.1
MAX_WAITING = 8  # callers of a process

_waiting = FewWait(MAX_WAITING)


@dataclass(frozen=True)
class SentMessage:
    """What has become of a message: `state` is one of those in `messages/models.py`."""

    id: int
    state: str
    #: Why it has failed: the name of an error, such as "wechat_unavailable".
    error: str | None = None
    #: WeChat's own number of that error.
    errcode: int | None = None


class _Claimed(NamedTuple):
    """A message that this process sends now."""

    id: int
    user_id: int
    openid: str
    template_id: str
    content: bytes | None
    attempts: int
    created_at: datetime
    queued: bool


def send_message(
    user_id: int,
    template_id: str,
    data: Mapping[str, str],
    *,
    page: str | None = None,
    miniprogram_state: MiniProgramState = "formal",
    lang: Language = "zh_CN",
    once: str | None = None,
    wait: bool = True,
) -> SentMessage:
    """Send a subscribe message to a user who has permitted one of this template.

    `data` has the values of the template, such as `{"thing1": "Tea", "date2": "2026-01-31 08:30"}`.
    `page` is opened by a tap on the message, in the version `miniprogram_state` of the mini
    program. With `once`, a name of up to 64 ASCII characters, the user gets one message of that
    name: a second call returns what became of the first, unless that has failed.
    With `wait=False` the message is queued: it is sent after the request, or by `flask messages
    run`, and tried again if WeChat is busy. Call it outside of a transaction.
    Raises ApiError: `message_invalid` with `fields`, `message_not_permitted`, `not_found` if there
    is no such user, `service_unavailable` while another message is being sent to the user; and
    WeChatError if WeChat refuses it or its answer is lost.
    Source: subscribeMessage.send, POST /cgi-bin/message/subscribe/send.
    """
    rules.check(template_id, data, page)
    _check_once(once)
    content = {"data": dict(data), "page": page, "state": miniprogram_state, "lang": lang}
    sealed = keyring().seal(json.dumps(content, ensure_ascii=False))
    if not wait:
        queued = _queue(user_id, template_id, sealed, once)
        if has_request_context():
            after_this_request(_send_soon)
        return queued

    def start() -> _Claimed | SentMessage | None:
        return _start(user_id, template_id, sealed, once)

    started = _waiting.until(start, seconds=WAIT, pause=POLL)
    if started is None:
        raise ApiError("service_unavailable", reason="another message is sent to this user")
    if isinstance(started, SentMessage):
        return started
    outcome, error = _send(started)
    if error is not None:
        raise _as_api_error(error, data)
    return outcome


def send_due(limit: int | None = None) -> list[SentMessage]:
    """Send the queued messages whose time has come; return what became of each."""
    settle_lost()
    outcomes: list[SentMessage] = []
    while (limit is None or len(outcomes) < limit) and (message := _claim_next()):
        outcomes.append(_send(message)[0])
    return outcomes


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


def _check_once(once: str | None) -> None:
    if once is not None and not (0 < len(once) <= 64 and once.isascii() and once.isprintable()):
        raise ValueError("once must have 1 to 64 printable ASCII characters")


def _as_api_error(error: WeChatError, data: Mapping[str, str]) -> Exception:
    if isinstance(error, MessageInvalid):
        return ApiError("message_invalid", fields=rules.refused(error, data), reason=str(error))
    if isinstance(error, NotPermitted):
        return ApiError("message_not_permitted", reason=str(error))
    return error


def _send_soon(response: Response) -> Response:
    """Send what is queued as soon as the response is sent."""
    soon: Soon = current_app.extensions["messages_soon"]
    response.call_on_close(soon.ask)
    return response


@transaction
def _queue(
    tx: Transaction, user_id: int, template_id: str, content: bytes, once: str | None
) -> SentMessage:
    accounts.get_or_404(tx, user_id)
    if (found := _find_once(tx, user_id, once)) is not None:
        return found
    ledger.reserve(tx, user_id, template_id)
    at = database_now(tx)
    message_id = _insert(tx, user_id, template_id, content, once, state=WAITING, at=at, next_at=at)
    return SentMessage(message_id, WAITING)


@transaction
def _start(
    tx: Transaction, user_id: int, template_id: str, content: bytes, once: str | None
) -> _Claimed | SentMessage | None:
    """Claim a new message; None while another one is being sent to this user."""
    user = accounts.get_or_404(tx, user_id)
    if (found := _find_once(tx, user_id, once)) is not None:
        return found
    at = database_now(tx)
    if tx.scalar(select(_is_being_sent_to(user_id, at))):
        return None
    ledger.reserve(tx, user_id, template_id)
    until = at + _claim()
    message_id = _insert(
        tx, user_id, template_id, content, once, state=SENDING, at=at, next_at=until
    )
    return _Claimed(message_id, user_id, user.openid, template_id, content, 1, at, queued=False)


def _claim_next() -> _Claimed | None:
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
def _claim_queued(tx: Transaction, message_id: int, user_id: int) -> _Claimed | None:
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
    return _Claimed(
        message_id, user_id, user.openid, template_id, content, attempts, created_at, queued=True
    )


def _send(message: _Claimed) -> tuple[SentMessage, WeChatError | None]:
    """Ask WeChat to send a claimed message, and note what became of it."""
    text = None if message.content is None else keyring().unseal(message.content)
    if text is None:
        log.error(
            "no secret key unseals the message %s", message.id, extra={"event": "message_failed"}
        )
        return _note(message, None, MessageInvalid("no secret key unseals it")), None
    content = json.loads(text)
    try:
        msgid = wechat().send_message(
            message.openid,
            message.template_id,
            content["data"],
            page=content["page"],
            miniprogram_state=content["state"],
            lang=content["lang"],
        )
    except WeChatError as error:
        return _note(message, None, error), error
    return _note(message, msgid, None), None


@transaction
def _note(
    tx: Transaction, message: _Claimed, msgid: str | None, error: WeChatError | None
) -> SentMessage:
    accounts.lock(tx, message.user_id)
    at = database_now(tx)
    sent: dict[str, Any] = {"state": SENT, "sent_at": at}
    values = sent if error is None else _outcome(message, error, at)
    if values["state"] != WAITING:
        values["content"] = None
    # An event of WeChat may have told already; then there is nothing to add but the id.
    mine = (Message.id == message.id, Message.attempts == message.attempts)
    open_still = update(Message).where(*mine, Message.state.in_((SENDING, UNKNOWN)))
    if msgid is not None:
        values["msgid"] = msgid
    if changed(tx, open_still.values(values)):
        if isinstance(error, NotPermitted):
            ledger.end(tx, message.user_id, message.template_id, at)
        elif values["state"] == FAILED:
            ledger.give_back(tx, message.user_id, message.template_id, message.created_at)
    if error is None:
        return SentMessage(message.id, SENT)
    return SentMessage(message.id, values["state"], error.name, error.errcode)


def _outcome(message: _Claimed, error: WeChatError, at: datetime) -> dict[str, Any]:
    """Return what an error makes of a message."""
    values: dict[str, Any] = {"error": error.name, "errcode": error.errcode}
    if error.undecided:
        return {**values, "state": UNKNOWN, "next_at": at + CONFIRMED_WITHIN}
    is_final = isinstance(error, NotPermitted | MessageInvalid)
    if is_final or not message.queued or message.attempts > len(PAUSES):
        return {**values, "state": FAILED, "once": None}
    return {**values, "state": WAITING, "next_at": at + PAUSES[message.attempts - 1]}


def _find_once(tx: Transaction, user_id: int, once: str | None) -> SentMessage | None:
    if once is None:
        return None
    columns = (Message.id, Message.state, Message.error, Message.errcode)
    named = select(*columns).where(Message.user_id == user_id, Message.once == once)
    row = tx.execute(named).first()
    return None if row is None else SentMessage(row.id, row.state, row.error, row.errcode)


def _insert(
    tx: Transaction,
    user_id: int,
    template_id: str,
    content: bytes,
    once: str | None,
    *,
    state: str,
    at: datetime,
    next_at: datetime,
) -> int:
    values = {
        "user_id": user_id,
        "template_id": template_id,
        "content": content,
        "once": once,
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
