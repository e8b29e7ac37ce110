"""`flask users …`: list, show, ban, unban, erase and export users."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from myapi.auth import bans, listings
from myapi.cli import files, output
from myapi.cli.command import Group
from myapi.cli.options import (
    TIME,
    confirm,
    json_option,
    pagination_options,
    reason_option,
    utc_option,
    yes_option,
)
from myapi.cli.output import shorten_openid
from myapi.cli.people import described, get_user, get_user_to_change
from myapi.cli.tables import Column, Item, print_fields, print_page
from myapi.cli.times import with_age
from myapi.clock import iso
from myapi.language import localized
from myapi.users import accounts, erasure
from myapi.users.avatar import url_of
from myapi.users.export import export as export_user
from myapi.users.phone import masked, show_phone

FEWEST_DIGITS = 4  # of a phone number

COLUMNS = [
    Column("ID", lambda user: user["id"]),
    Column("OPENID", lambda user: shorten_openid(user["openid"]), drop=5),
    Column("CREATED", lambda user: user["created_at"], drop=4, is_time=True),
    Column("LAST SEEN", lambda user: user["last_seen_at"], drop=2, is_time=True),
    Column("BANNED", lambda user: user["banned_at"], drop=1, is_time=True),
    Column("NICKNAME", lambda user: user["nickname"], drop=3, is_text=True),
]


@click.group("users", cls=Group)
def group() -> None:
    """List, show, ban, unban, erase and export users.

    USER is an id as the API returns it, a full openid, a full unionid, or a nickname that only one
    user has. A user that is found by nickname is changed only after a question.
    """


@group.command("list")
@click.option("--banned/--not-banned", default=None, help="Banned users, or the others.")
@click.option("--nickname", metavar="TEXT", help="Users whose nickname contains this text.")
@click.option("--since", type=TIME, help="Created at this time or later.")
@click.option("--until", type=TIME, help="Created before this time.")
@click.option("--inactive-since", type=TIME, help="Not created or seen since this time.")
@click.option("--phone", metavar="-", help="Users with a number: give -, and it is asked for.")
@pagination_options
def list_users(
    limit: int,
    after: int | None,
    as_json: bool,
    utc: bool,
    banned: bool | None,
    nickname: str | None,
    since: datetime | None,
    until: datetime | None,
    inactive_since: datetime | None,
    phone: str | None,
) -> None:
    """List users, the newest first.

    A TIME is a date, an ISO time (UTC if it has no offset), or an age such as 12h, 30d or 4w.
    """
    if phone is not None:
        phone = _ask_number(phone)
    page = listings.users(
        limit,
        after,
        banned=banned,
        nickname=nickname,
        since=since,
        until=until,
        inactive_since=inactive_since,
        phone=phone,
    )
    items = [_item(row) for row in page.rows]
    none = localized("no users", "没有用户")
    print_page(items, page.next, COLUMNS, none, as_json=as_json, utc=utc)


@group.command()
@click.argument("user")
@click.option(
    "--phone", is_flag=True, help="Show the whole phone number; the audit log records it."
)
@reason_option
@utc_option
@json_option()
def show(user: str, phone: bool, reason: str | None, as_json: bool, utc: bool) -> None:
    """Show one user."""
    row = listings.user(get_user(user, say=False).id)
    item = {**_item(row)}
    if phone:
        item["phone"] = show_phone(row.id, reason)
    if as_json:
        output.print_json(item)
        return
    fields = {**item, **{name: shorten_openid(item[name]) for name in ("openid", "unionid")}}
    if output.to_terminal() and not utc:
        times = {name: text for name, text in item.items() if name.endswith("_at") and text}
        fields |= {name: with_age(text) for name, text in times.items()}
    print_fields(fields)


@group.command()
@click.argument("user")
@reason_option
def ban(user: str, reason: str | None) -> None:
    """Ban a user: end all their sessions and refuse their logins."""
    found = get_user_to_change(user)
    ended = bans.ban(found.id, reason)
    if ended is None:
        output.print_line(
            localized(f"{found.public_id} is already banned", f"{found.public_id} 已处于封禁状态")
        )
        return
    output.print_line(
        localized(
            f"banned {found.public_id}: {output.count(ended, 'session')} ended",
            f"已封禁 {found.public_id}，结束了 {ended} 个会话",
        )
    )


@group.command()
@click.argument("user")
@reason_option
def unban(user: str, reason: str | None) -> None:
    """Lift the ban of a user, or of an erased account by its full openid."""
    if accounts.find(user) is None and bans.unban_erased(user, reason):
        output.print_line(
            localized(
                "unbanned the erased account of this openid", "已解封此 openid 对应的已注销账号"
            )
        )
        return
    found = get_user_to_change(user)
    was_banned = bans.unban(found.id, reason)
    output.print_line(
        localized(f"unbanned {found.public_id}", f"已解封 {found.public_id}")
        if was_banned
        else localized(f"{found.public_id} is not banned", f"{found.public_id} 未被封禁")
    )


@group.command()
@click.argument("user")
@click.option("--forget-ban", is_flag=True, help="Lift the ban too: the person can log in again.")
@reason_option
@yes_option
def erase(user: str, forget_ban: bool, reason: str | None, yes: bool) -> None:
    """Delete a user and all their data.

    If the user is banned, a keyed digest of the openid stays: it keeps the person banned and
    cannot be turned back into the openid.
    """
    found = get_user_to_change(user, yes=yes, ask=False)
    who = described(found)
    confirm(localized(f"Permanently erase {who}?", f"永久注销 {who}？"), yes=yes)
    (bans.erase_with_ban if forget_ban else erasure.erase)(found.id, reason)
    stays_banned = found.banned_at is not None and not forget_ban
    rest = localized("; the person stays banned", "；封禁仍然有效") if stays_banned else ""
    output.print_line(localized("erased ", "已注销 ") + found.public_id + rest)


@group.command()
@click.argument("user")
@click.option(
    "--output",
    "path",
    type=click.Path(path_type=Path),
    help="Write to this new file, which only you can read.",
)
@reason_option
def export(user: str, path: Path | None, reason: str | None) -> None:
    """Print all data about a user as JSON, to hand over to them."""
    data = export_user(get_user(user), reason)
    if path is None:
        output.print_json(data)
        return
    with files.atomic_create(path) as temporary:
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8")
    output.print_line(localized(f"written to {path}", f"已写入 {path}"), err=True)


def _ask_number(option: str) -> str:
    """Read the number from the terminal or a pipe: command lines are logged."""
    if option != "-":
        raise click.UsageError(
            localized(
                "--phone takes -, and asks for the number: command lines are logged",
                "--phone 只接受 -，随后询问号码：命令行会被记录",
            )
        )
    number: str = click.prompt(localized("Phone number", "手机号"), err=True)
    if sum(character.isdecimal() for character in number) < FEWEST_DIGITS:
        raise click.UsageError(localized("a phone number has digits", "手机号由数字组成"))
    return number


def _item(row: Any) -> Item:  # noqa: ANN401 (a row of the list)
    return {
        "id": row.public_id,
        "openid": row.openid,
        "unionid": row.unionid,
        "nickname": row.nickname,
        "avatar_url": url_of(row.avatar_url),
        "phone": masked(row.phone),
        "created_at": iso(row.created_at),
        "last_seen_at": row.last_seen_at and iso(row.last_seen_at),
        "banned_at": row.banned_at and iso(row.banned_at),
    }
