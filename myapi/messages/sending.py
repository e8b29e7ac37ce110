"""Sending subscribe messages: one at a time to a user, each by one process, each at most once.

A message uses a permission before WeChat is asked. It gives it back if WeChat refuses it for
another reason than the permission. If WeChat's answer is lost, the message may have arrived: it is
`unknown`, never sent again, and settled by the event that WeChat pushes after sending.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Literal, ParamSpec, TypeVar, get_args

import sqlalchemy.exc
from flask import Response, after_this_request, current_app, has_request_context

from myapi.concurrency import FewWait
from myapi.db.transactions import reading
from myapi.extensions import wechat
from myapi.messages import outbox, rules, settlement
from myapi.messages.outbox import Claimed, Draft, SentMessage
from myapi.soon import Soon
from myapi.web.errors import ApiError
from myapi.wechat import MessageInvalid, NotPermitted, Unavailable, WeChatError

log = logging.getLogger(__name__)

MiniProgramState = Literal["formal", "trial", "developer"]
Language = Literal["zh_CN", "en_US", "zh_HK", "zh_TW"]

#: How long after a failed attempt a queued message is tried again. After the last it has failed.
PAUSES = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
)
#: How long to wait for the database with an outcome, in seconds, attempt by attempt.
NOTED_AGAIN_AFTER = (0.1, 0.4, 1.0)

#: What concerns one message or one user alone; after any other error the next one would fail too.
OF_ITS_OWN = (None, NotPermitted.name, MessageInvalid.name)
USER_BUSY = 43108  # another program is sending to this user

WAIT = 3.0  # s for another message to the same user
POLL = 0.1
MAX_WAITING = 8  # callers of a process

P = ParamSpec("P")
T = TypeVar("T")

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
    _check_options(miniprogram_state, lang, once)
    content = {"data": dict(data), "page": page, "state": miniprogram_state, "lang": lang}
    draft = Draft(template_id, content, once)
    if not wait:
        queued = outbox.queue(user_id, draft)
        if has_request_context():
            after_this_request(_send_soon)
        return queued

    def start() -> Claimed | SentMessage | None:
        return outbox.start(user_id, draft)

    started = _waiting.until(start, seconds=WAIT, pause=POLL)
    if started is None:
        with reading() as connection:  # it may be this one that another call is sending
            started = outbox.find_once(connection, user_id, once)
    if started is None:
        raise ApiError("service_unavailable", reason="another message is sent to this user")
    if isinstance(started, SentMessage):
        return started
    outcome, error = _send(started)
    if error is not None:
        raise _as_api_error(error, data)
    return outcome


def send_due(is_stopped: Callable[[], bool] = lambda: False) -> list[SentMessage]:
    """Send the queued messages whose time has come; return what became of each.

    If WeChat has trouble, the rest waits for the next run. `is_stopped` is asked before each one.
    """
    settlement.settle_lost()
    outcomes: list[SentMessage] = []
    while not is_stopped() and (outcome := send_next()) is not None:
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
    return outcome.error not in OF_ITS_OWN and outcome.errcode != USER_BUSY


def is_name(text: str) -> bool:
    """Whether it may be the `once` of a message."""
    return 0 < len(text) <= 64 and text.isascii() and text.isprintable()


def _check_options(miniprogram_state: str, lang: str, once: str | None) -> None:
    if miniprogram_state not in get_args(MiniProgramState) or lang not in get_args(Language):
        raise ValueError("miniprogram_state or lang is none that WeChat knows")
    if once is not None and not is_name(once):
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


def _send(message: Claimed) -> tuple[SentMessage, WeChatError | None]:
    """Ask WeChat to send a claimed message, and note what became of it."""
    try:
        msgid = _ask(message)
    except WeChatError as error:
        pause = _pause(message, error)
        return _note(settlement.note_error, message, error, pause), error
    return _note(settlement.note_sent, message, msgid), None


def _ask(message: Claimed) -> str | None:
    content = message.content
    if content is None:
        log.error("no secret key unseals the message %s", message.id)
        raise MessageInvalid("no secret key unseals it")
    try:
        return wechat().send_message(
            message.openid,
            message.template_id,
            content["data"],
            page=content["page"],
            miniprogram_state=content["state"],
            lang=content["lang"],
        )
    except WeChatError:
        raise
    except Exception as error:  # such as a database without the access_token: WeChat was not asked
        log.exception("a message could not be sent", extra={"event": "message_failed"})
        raise Unavailable(type(error).__name__) from error


def _pause(message: Claimed, error: WeChatError) -> timedelta | None:
    """Return how long to wait before the next attempt; None if there is none."""
    is_final = isinstance(error, NotPermitted | MessageInvalid)
    if is_final or not message.queued or message.attempts > len(PAUSES):
        return None
    return PAUSES[message.attempts - 1]


def _note(note: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Note an outcome, with patience: it is known here alone.

    In a context of its own: how long the request has waited for the database does not count.
    """
    for pause in NOTED_AGAIN_AFTER:
        try:
            with current_app.app_context():
                return note(*args, **kwargs)
        except sqlalchemy.exc.SQLAlchemyError:
            log.warning("the outcome of a message could not be noted yet", exc_info=True)
        time.sleep(pause)
    with current_app.app_context():
        return note(*args, **kwargs)
