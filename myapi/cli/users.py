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
    TimeParam,
    confirm,
    get_user,
    json_option,
    pagination_options,
    yes_option,
)
from myapi.cli.output import Item, shorten_openid
from myapi.clock import iso
from myapi.users import accounts, erasure
from myapi.users.export import export as export_user

COLUMNS: output.Columns = {
    "ID": lambda user: user["id"],
    "OPENID": lambda user: shorten_openid(user["openid"]),
    "CREATED": lambda user: user["created_at"],
    "LAST SEEN": lambda user: user["last_seen_at"],
    "BANNED": lambda user: user["banned_at"],
    "NICKNAME": lambda user: user["nickname"],
}


@click.group("users", cls=Group)
def group() -> None:
    """List, show, ban, unban, erase and export users.

    USER is a public id, as the API returns it, or a full openid.
    """


@group.command("list")
@click.option("--banned/--not-banned", default=None, help="Banned users, or the others.")
@click.option("--nickname", metavar="TEXT", help="Users whose nickname contains this text.")
@click.option("--since", type=TimeParam(), help="Created at this time or later.")
@click.option("--until", type=TimeParam(), help="Created before this time.")
@click.option("--inactive-since", type=TimeParam(), help="Not created or seen since this time.")
@pagination_options
def list_users(
    limit: int,
    after: int | None,
    as_json: bool,
    banned: bool | None,
    nickname: str | None,
    since: datetime | None,
    until: datetime | None,
    inactive_since: datetime | None,
) -> None:
    """List users, the newest first.

    A TIME is a date, an ISO time (UTC if it has no offset), or an age such as 12h, 30d or 4w.
    """
    page = listings.users(
        limit,
        after,
        banned=banned,
        nickname=nickname,
        since=since,
        until=until,
        inactive_since=inactive_since,
    )
    output.print_page(
        [_item(row) for row in page.rows], page.next, COLUMNS, "users", as_json=as_json
    )


@group.command()
@click.argument("user")
@json_option()
def show(user: str, as_json: bool) -> None:
    """Show one user."""
    item = _item(listings.user(get_user(user).id))
    if as_json:
        output.print_json(item)
    else:
        shortened = {name: shorten_openid(item[name]) for name in ("openid", "unionid")}
        output.print_fields({**item, **shortened})


@group.command()
@click.argument("user")
def ban(user: str) -> None:
    """Ban a user: end all their sessions and refuse their logins."""
    found = get_user(user)
    ended = bans.ban(found.id)
    output.print_line(f"banned {found.public_id}: {output.count(ended, 'session')} ended")


@group.command()
@click.argument("user")
def unban(user: str) -> None:
    """Lift the ban of a user, or of an erased account by its full openid."""
    found = accounts.find(user)
    if found is not None:
        bans.unban(found.id)
        output.print_line(f"unbanned {found.public_id}")
    elif bans.unban_erased(user):
        output.print_line("unbanned the erased account of this openid")
    else:
        raise click.ClickException("there is no such user, and no banned erased account")


@group.command()
@click.argument("user")
@click.option("--forget-ban", is_flag=True, help="Lift the ban too: the person can log in again.")
@yes_option
def erase(user: str, forget_ban: bool, yes: bool) -> None:
    """Delete a user and all their data.

    If the user is banned, a keyed digest of the openid stays: it keeps the person banned and
    cannot be turned back into the openid.
    """
    found = get_user(user)
    confirm(f"Permanently erase user {found.public_id}?", yes=yes)
    (bans.erase_with_ban if forget_ban else erasure.erase)(found.id)
    stays_banned = found.banned_at is not None and not forget_ban
    output.print_line(
        f"erased {found.public_id}" + ("; the person stays banned" if stays_banned else "")
    )


@group.command()
@click.argument("user")
@click.option(
    "--output",
    "path",
    type=click.Path(path_type=Path),
    help="Write to this new file, which only you can read.",
)
def export(user: str, path: Path | None) -> None:
    """Print all data about a user as JSON, to hand over to them."""
    data = export_user(get_user(user))
    if path is None:
        output.print_json(data)
        return
    with files.atomic_create(path) as temporary:
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8")
    output.print_line(f"written to {path}", err=True)


def _item(row: Any) -> Item:  # noqa: ANN401 (a row of the list)
    return {
        "id": row.public_id,
        "openid": row.openid,
        "unionid": row.unionid,
        "nickname": row.nickname,
        "avatar_url": row.avatar_url,
        "created_at": iso(row.created_at),
        "last_seen_at": row.last_seen_at and iso(row.last_seen_at),
        "banned_at": row.banned_at and iso(row.banned_at),
    }
