"""Sending subscribe messages: one at a time to a user, each by one process, each at most once.

A message uses a permission before WeChat is asked. It gives it back if WeChat refuses it for
another reason than the permission. If WeChat's answer is lost, the message may have arrived: it is
`unknown`, never sent again, and settled by the event that WeChat pushes after sending.
All times are the database's clock: several servers send.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from flask import Response, after_this_request, current_app, has_request_context
from sqlalchemy import update

from myapi.concurrency import FewWait
from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, changed, transaction
from myapi.extensions import keyring, wechat
from myapi.messages import ledger, outbox, rules, settlement
from myapi.messages.models import (
    CONFIRMED_WITHIN,
    FAILED,
    SENDING,
    SENT,
    UNKNOWN,
    WAITING,
    Message,
)
from myapi.messages.outbox import Claimed, Draft, SentMessage
from myapi.soon import Soon
from myapi.users import accounts
from myapi.web.errors import ApiError
from myapi.wechat import MessageInvalid, NotPermitted, WeChatError

log = logging.getLogger(__name__)

MiniProgramState = Literal["formal", "trial", "developer"]
Language = Literal["zh_CN", "en_US", "zh_HK", "zh_TW"]

#: How long after a failed attempt a queued message is tried again. After the last it has failed.
PAUSES = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
)
USER_BUSY = 43108  # another program is sending to this user

WAIT = 3.0  # s for another message to the same user
POLL = 0.1
MAX_WAITING = 8  # callers of a process

_waiting = FewWait(MAX_WAITING)


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
    if once is not None and not is_name(once):
        raise ValueError("once must have 1 to 64 printable ASCII characters")
    content = {"data": dict(data), "page": page, "state": miniprogram_state, "lang": lang}
    draft = Draft(template_id, keyring().seal(json.dumps(content, ensure_ascii=False)), once)
    if not wait:
        queued = outbox.queue(user_id, draft)
        if has_request_context():
            after_this_request(_send_soon)
        return queued

    def start() -> Claimed | SentMessage | None:
        return outbox.start(user_id, draft)

    started = _waiting.until(start, seconds=WAIT, pause=POLL)
    if started is None:
        raise ApiError("service_unavailable", reason="another message is sent to this user")
    if isinstance(started, SentMessage):
        return started
    outcome, error = _send(started)
    if error is not None:
        raise _as_api_error(error, data)
    return outcome


def send_due() -> list[SentMessage]:
    """Send the queued messages whose time has come; return what became of each.

    If WeChat has trouble, the rest waits for the next run.
    """
    settlement.settle_lost()
    outcomes: list[SentMessage] = []
    while (outcome := send_next()) is not None:
        outcomes.append(outcome)
        if is_trouble(outcome):
            break
    return outcomes


def send_next() -> SentMessage | None:
    """Send one queued message whose time has come; None if there is none."""
    message = outbox.claim_next()
    return None if message is None else _send(message)[0]


def is_trouble(outcome: SentMessage) -> bool:
    """Whether WeChat would answer the next message in the same way."""
    return outcome.state in (WAITING, UNKNOWN) and outcome.errcode != USER_BUSY


def is_name(text: str) -> bool:
    """Whether it may be the `once` of a message."""
    return 0 < len(text) <= 64 and text.isascii() and text.isprintable()


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


def _send(message: Claimed) -> tuple[SentMessage, WeChatError | None]:
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
    tx: Transaction, message: Claimed, msgid: str | None, error: WeChatError | None
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


def _outcome(message: Claimed, error: WeChatError, at: datetime) -> dict[str, Any]:
    """Return what an error makes of a message."""
    values: dict[str, Any] = {"error": error.name, "errcode": error.errcode}
    if error.undecided:
        return {**values, "state": UNKNOWN, "next_at": at + CONFIRMED_WITHIN}
    is_final = isinstance(error, NotPermitted | MessageInvalid)
    if is_final or not message.queued or message.attempts > len(PAUSES):
        return {**values, "state": FAILED, "once": None}
    return {**values, "state": WAITING, "next_at": at + PAUSES[message.attempts - 1]}
