"""Send one subscribe message to many users, and go on where an earlier run ended."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TextIO

import click

from myapi.cli import output
from myapi.cli.command import EXIT_INTERRUPTED
from myapi.cli.stopping import stopping
from myapi.language import language, localized
from myapi.messages.models import FAILED, SENDING, SENT, UNKNOWN, WAITING
from myapi.messages.outbox import SentMessage
from myapi.messages.sending import Language, MiniProgramState, send_message
from myapi.users import accounts
from myapi.web.errors import ApiError, message
from myapi.wechat import WeChatError

NOT_PERMITTED, NOT_FOUND, BUSY = "message_not_permitted", "not_found", "service_unavailable"
ALREADY = "already"
#: What may become of a user of a list.
WORDS = {
    SENT: ("{} sent", "已发送 {}"),
    ALREADY: ("{} had it already", "之前已收到 {}"),
    NOT_PERMITTED: ("{} not permitted", "用户未允许 {}"),
    NOT_FOUND: ("{} not found", "用户不存在 {}"),
    BUSY: ("{} busy with another message", "另一条消息发送中 {}"),
    FAILED: ("{} failed", "失败 {}"),
    UNKNOWN: ("{} unknown", "结果未知 {}"),
    WAITING: ("{} in the queue", "排队中 {}"),
    SENDING: ("{} being sent", "发送中 {}"),
}


class Text(NamedTuple):
    """A message to any user."""

    template_id: str
    data: dict[str, str]
    page: str | None
    miniprogram_state: MiniProgramState
    lang: Language

    @property
    def name(self) -> str:
        """The same for the same message, another one for each other."""
        text = json.dumps(self, sort_keys=True)
        return f"list-{hashlib.sha256(text.encode()).hexdigest()[:24]}"

    def send(self, user_id: int, once: str | None) -> SentMessage:
        return send_message(
            user_id,
            self.template_id,
            self.data,
            page=self.page,
            miniprogram_state=self.miniprogram_state,
            lang=self.lang,
            once=once,
        )


def send_to_one(text: Text, user_id: int, once: str | None) -> None:
    """Send, and print what became of it."""
    try:
        with stopping():  # Ctrl+C between WeChat's answer and our note of it would lose it
            sent = text.send(user_id, once)
    except WeChatError as error:
        raise click.ClickException(_described(error)) from None
    output.print_line(f"{sent.id} {sent.state}")


def send_to_list(text: Text, users: TextIO, once: str | None) -> None:
    """Send to the users of a list, and print how many got it.

    A user who has it already is left out, so the same command goes on where an earlier one ended.
    """
    counts: Counter[str] = Counter()
    with stopping() as stop:
        error = _send(text, _references(users), once or text.name, counts, stop)
    output.progress("")
    output.print_line(_summary(counts))
    if error is not None:
        again = localized("; run the command again to go on", "；再次运行同一命令即可继续")
        raise click.ClickException(error + again)
    if stop.is_set():
        raise click.exceptions.Exit(EXIT_INTERRUPTED)


def _send(
    text: Text, references: Iterable[str], once: str, counts: Counter[str], stop: threading.Event
) -> str | None:
    """Send to one after the other; return what has ended it early."""
    for reference in references:
        if stop.is_set():
            return None
        try:
            user = accounts.find(reference)
            counts[NOT_FOUND if user is None else _outcome(text.send(user.id, once))] += 1
        except ApiError as error:
            if error.name not in (NOT_PERMITTED, NOT_FOUND, BUSY):  # it would be so for all others
                return output.printable(message(error, chinese=language() == "zh"))
            counts[error.name] += 1
        except WeChatError as error:
            counts[UNKNOWN if error.undecided else FAILED] += 1
            return _described(error)
        output.progress(_summary(counts))
    return None


def _outcome(sent: SentMessage) -> str:
    return ALREADY if sent.state == SENT and not sent.is_new else sent.state


def _references(users: TextIO) -> Iterator[str]:
    for line in users:
        reference = line.strip()
        if reference and not reference.startswith("#"):
            yield reference


def _summary(counts: Counter[str]) -> str:
    told = {SENT: 0, **counts}
    separator = localized(", ", "，")
    return separator.join(localized(*WORDS[outcome]).format(told[outcome]) for outcome in told)


def _described(error: WeChatError) -> str:
    if error.undecided:
        return localized(
            f"{error} (the message may have arrived: it is not sent again)",
            f"{error}（消息可能已送达，不会重发）",
        )
    return str(error)
