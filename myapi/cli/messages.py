"""`flask messages …`: send subscribe messages, and see what became of them."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, TextIO, get_args

import click

from myapi.cli import mailing, output
from myapi.cli.command import Group, with_pauses
from myapi.cli.options import json_option, pagination_options
from myapi.cli.people import get_user, get_user_to_change
from myapi.cli.stopping import stopping
from myapi.cli.tables import Column, Item, print_page
from myapi.clock import iso
from myapi.language import localized
from myapi.messages import ledger, listings, rules, sending
from myapi.messages.models import FAILED, STATES, UNKNOWN, WAITING
from myapi.messages.sending import Language, MiniProgramState

COLUMNS = [
    Column("ID", lambda item: item["id"]),
    Column("USER", lambda item: item["user"], drop=1),
    Column("TEMPLATE", lambda item: item["template_id"], drop=4),
    Column("STATE", lambda item: item["state"]),
    Column("ERROR", lambda item: _error(item), drop=3),
    Column("CREATED", lambda item: item["created_at"], drop=2, is_time=True),
]


@click.group("messages", cls=Group)
def group() -> None:
    """Send subscribe messages, and see what became of them."""


@group.command("list")
@click.option("--state", type=click.Choice(STATES), help="Messages in this state.")
@click.option("--template", metavar="ID", help="Messages of this template.")
@click.option("--user", metavar="USER", help="Messages to this user.")
@pagination_options
def list_messages(
    limit: int,
    after: int | None,
    as_json: bool,
    utc: bool,
    state: str | None,
    template: str | None,
    user: str | None,
) -> None:
    """List messages, the newest first.

    STATE is `waiting` in the queue, `sending`, `sent`, `failed`, or `unknown`: WeChat's answer was
    lost. What a message says is not kept.
    """
    user_id = None if user is None else get_user(user).id
    page = listings.messages(limit, after, state=state, template_id=template, user_id=user_id)
    items = [_item(row) for row in page.rows]
    none = localized("no messages", "没有消息")
    print_page(items, page.next, COLUMNS, none, as_json=as_json, utc=utc)


@group.command()
@click.argument("template")
@click.option("--data", metavar="JSON", required=True, help="The values of the template.")
@click.option("--to", "user", metavar="USER", help="Send to this user.")
@click.option(
    "--to-file",
    "users",
    metavar="FILE",
    type=click.File(encoding="utf-8"),
    help="Send to the users of this file, one id or openid a line; - is stdin.",
)
@click.option("--page", metavar="PATH", help="The page that a tap on the message opens.")
@click.option(
    "--state",
    type=click.Choice(get_args(MiniProgramState)),
    default="formal",
    show_default=True,
    help="The version of the mini program that it opens.",
)
@click.option(
    "--lang",
    type=click.Choice(get_args(Language)),
    default="zh_CN",
    show_default=True,
    help="The language of the message's own words.",
)
@click.option("--once", metavar="NAME", help="A user gets one message of this name.")
def send(
    template: str,
    data: str,
    user: str | None,
    users: TextIO | None,
    page: str | None,
    state: MiniProgramState,
    lang: Language,
    once: str | None,
) -> None:
    """Send a message to one user, or to a list of users.

    Users who have not permitted it are left out. With --to-file, the same command goes on where an
    earlier one was stopped, or met an error: no user gets the same message twice, unless you give
    it another name with --once.
    """
    values = _object(data)
    rules.check(template, values, page)
    if (user is None) == (users is None):
        raise click.UsageError(localized("give --to or --to-file", "请给出 --to 或 --to-file"))
    if once is not None and not sending.is_name(once):
        raise click.UsageError(
            localized("--once takes up to 64 ASCII characters", "--once 最多 64 个 ASCII 字符")
        )
    text = mailing.Text(template, values, page, state, lang)
    if user is not None:
        mailing.send_to_one(text, get_user_to_change(user).id, once)
    elif users is not None:
        mailing.send_to_list(text, users, once)


@group.command()
@json_option()
def run(as_json: bool) -> None:
    """Send the queued messages whose time has come; meant for a timer.

    The service sends each message as soon as it is queued by a request. What WeChat refuses for
    now is tried again after 1, 5 and 15 minutes and 1, 3, 6 and 12 hours.
    """
    with stopping() as stop:
        found = sending.send_due(stop.is_set)
    outcomes = Counter(each.state for each in found)
    if as_json:
        output.print_json({state: outcomes[state] for state in STATES if state != "sending"})
    else:
        output.print_line(
            localized(
                f"{output.count(outcomes['sent'], 'message')} sent,"
                f" {outcomes[WAITING]} to be tried again, {outcomes[FAILED]} failed,"
                f" {outcomes[UNKNOWN]} unknown",
                f"已发送 {outcomes['sent']} 条消息，稍后重试 {outcomes[WAITING]} 条，"
                f"失败 {outcomes[FAILED]} 条，结果未知 {outcomes[UNKNOWN]} 条",
            )
        )
    if any(sending.is_trouble(each) for each in found):
        raise click.exceptions.Exit(1)


@group.command()
@json_option()
def purge(as_json: bool) -> None:
    """Delete the rows of messages after 90 days; meant for a nightly timer.

    It deletes what phones and WeChat have reported 40 days ago or earlier, too: what it counted
    stays.
    """
    ledger.purge_reports()
    purged = sum(with_pauses(_purge()))
    if as_json:
        output.print_json({"purged": purged})
        return
    output.print_line(
        localized(f"{output.count(purged, 'message')} purged", f"已清理 {purged} 条消息")
    )


def _object(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise click.UsageError(localized("--data must be a JSON object", "--data 必须是 JSON 对象"))
    return found


def _purge() -> Iterator[int]:
    while purged := listings.purge_batch():
        yield purged


def _error(item: Item) -> str | None:
    """Return why it has failed, with WeChat's number."""
    known = (item["error"], item["errcode"])
    return " ".join(str(each) for each in known if each is not None) or None


def _item(row: Any) -> Item:  # noqa: ANN401 (a row of the list)
    return {
        "id": str(row.id),
        "user": row.user,
        "template_id": row.template_id,
        "state": row.state,
        "error": row.error,
        "errcode": row.errcode,
        "attempts": row.attempts,
        "msgid": row.msgid,
        "once": row.once,
        "created_at": iso(row.created_at),
        "sent_at": row.sent_at and iso(row.sent_at),
        "next_at": iso(row.next_at) if row.state == WAITING else None,
    }
