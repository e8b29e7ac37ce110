"""`flask console …`: let a colleague into the console, and end that again."""

import re
import unicodedata
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import click

from myapi.cli import output
from myapi.cli.command import Group
from myapi.cli.options import Parsed, confirm, pagination_options, yes_option
from myapi.cli.tables import Column, Item, print_page
from myapi.clock import iso
from myapi.extensions import settings
from myapi.language import localized
from myapi.operators import links, listings
from myapi.operators.models import MAX_NAME

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=7)

COLUMNS = [
    Column("ID", lambda item: item["id"]),
    Column("NAME", lambda item: item["name"], is_text=True),
    Column("STATE", lambda item: item["state"]),
    Column("MAY", lambda item: "look" if item["read_only"] else "change", drop=4),
    Column("CREATED", lambda item: item["created_at"], drop=3, is_time=True),
    Column("LAST SEEN", lambda item: item["last_seen_at"], drop=1, is_time=True),
    Column("ENDS", lambda item: item["ends_at"], drop=2),
]


def _name(text: str) -> str:
    """Read the name of an operator: one line, not digits alone, which would be an id."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 0 < len(name) <= MAX_NAME or output.printable(name) != name or name.isdigit():
        raise ValueError(
            localized(
                f"must be a name of at most {MAX_NAME} characters, not digits alone",
                f"应为最多 {MAX_NAME} 个字符的名字，不能全是数字",
            )
        )
    return name


def _time_to_live(text: str) -> timedelta:
    """Read how long a cookie lives, such as 30m, 8h or 2d."""
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    lives = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not SHORTEST <= lives <= LONGEST:
        raise ValueError(localized("must be 5m to 7d, such as 8h", "应为 5m 到 7d，例如 8h"))
    return lives


NAME = Parsed("name", _name)
TIME_TO_LIVE = Parsed("time to live", _time_to_live)


@click.group("console", cls=Group)
def group() -> None:
    """Let a colleague into the console, and end that again."""


@group.command()
@click.option("--name", type=NAME, required=True, help="Who it is for; the audit names it.")
@click.option("--read-only", is_flag=True, help="They can look, but change nothing.")
@click.option(
    "--ttl",
    type=TIME_TO_LIVE,
    default="8h",
    show_default=True,
    help="When it ends, counted from now: 5m to 7d.",
)
def link(name: str, read_only: bool, ttl: timedelta) -> None:
    """Print a link into the console.

    It works once, within five minutes. Whoever opens it is this operator: send it to them alone.
    """
    if not settings().console:
        raise click.ClickException(
            localized("MYAPI_CONSOLE is off", "MYAPI_CONSOLE 为 off，控制台未启用")
        )
    base = settings().public_url
    if not base:
        base = f"http://{settings().bind}"
        warning = f"warning: MYAPI_PUBLIC_URL is not set, so the link begins with {base}"
        chinese = f"警告：没有设置 MYAPI_PUBLIC_URL，链接以 {base} 开头"
        output.print_line(localized(warning, chinese), err=True)
    secret = links.make(name, ttl, read_only=read_only)
    click.echo(f"{base}/console/open?{urlencode({'secret': secret})}")


@group.command("list")
@click.option("--live/--over", default=None, help="Those who can get in, or the others.")
@pagination_options
def list_operators(
    limit: int, after: int | None, as_json: bool, utc: bool, live: bool | None
) -> None:
    """List operators, the newest first.

    STATE is `link` (not opened yet), `in`, or `over`: ended, too old, or not opened in time.
    """
    page = listings.operators(limit, after, live=live)
    items = [_item(row) for row in page.rows]
    none = localized("no operators", "没有操作员")
    print_page(items, page.next, COLUMNS, none, as_json=as_json, utc=utc)


@group.command()
@click.argument("operator", metavar="[ID|NAME]", required=False)
@click.option("--all", "everyone", is_flag=True, help="All operators, and links not opened yet.")
@yes_option
def revoke(operator: str | None, everyone: bool, yes: bool) -> None:
    """End an operator by id, or all of a name: their link and their cookie work no more."""
    if (operator is not None) == everyone:
        raise click.UsageError(
            localized("give exactly one of ID, NAME and --all", "请在 ID、NAME 和 --all 中只给一个")
        )
    if operator is None:
        confirm(localized("End all operators?", "结束所有操作员的登录？"), yes=yes)
        ended: int | None = listings.revoke_all()
    else:
        ended = listings.revoke(operator)
    if ended is None:
        raise click.ClickException(localized("there is no such operator", "没有这个操作员"))
    output.print_line(
        localized(f"{output.count(ended, 'operator')} ended", f"已结束 {ended} 个操作员的登录")
    )


def _item(row: Any) -> Item:  # noqa: ANN401 (a row of the list)
    return {
        "id": str(row.id),
        "name": row.name,
        "state": row.state,
        "read_only": row.read_only,
        "created_at": iso(row.created_at),
        "opened_at": row.opened_at and iso(row.opened_at),
        "last_seen_at": row.last_seen_at and iso(row.last_seen_at),
        "ends_at": iso(row.ends_at),
        "ended_at": row.ended_at and iso(row.ended_at),
    }
