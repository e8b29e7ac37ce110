"""`flask users …`: find people, ban and unban, erase, export."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from myapi.auth import bans, listings
from myapi.cli import files, output
from myapi.cli.command import Group
from myapi.cli.options import Moment, as_json, ask, paged, user_of, yes
from myapi.cli.output import Item, short
from myapi.clock import iso
from myapi.users import accounts, erasure
from myapi.users.export import export as export_user

COLUMNS: output.Columns = {
    "ID": lambda user: user["id"],
    "OPENID": lambda user: short(user["openid"]),
    "CREATED": lambda user: user["created_at"],
    "LAST SEEN": lambda user: user["last_seen_at"],
    "BANNED": lambda user: user["banned_at"],
    "NICKNAME": lambda user: user["nickname"],
}


@click.group("users", cls=Group)
def group() -> None:
    """Find, ban, erase and export users.

    USER is a public id, as the API gives it, or a whole openid.
    """


@group.command("list")
@click.option("--banned/--not-banned", default=None, help="Those alone.")
@click.option("--nickname", metavar="TEXT", help="With this text in the nickname.")
@click.option("--since", type=Moment(), help="Created then or later.")
@click.option("--until", type=Moment(), help="Created before.")
@click.option("--inactive-since", type=Moment(), help="Neither created nor seen since.")
@paged
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

    A TIME is a date, an ISO time (UTC unless it says otherwise), or an age such as 12h, 30d, 4w.
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
@as_json()
def show(user: str, as_json: bool) -> None:
    """Show one user."""
    item = _item(listings.user(user_of(user).id))
    if as_json:
        output.print_json(item)
    else:
        shortened = {"openid": short(item["openid"]), "unionid": short(item["unionid"])}
        output.print_fields({**item, **shortened})


@group.command()
@click.argument("user")
def ban(user: str) -> None:
    """Ban a user: it ends all sessions and refuses every login."""
    found = user_of(user)
    ended = bans.ban(found.id)
    output.print_line(f"banned {found.public_id}: {output.count(ended, 'session')} ended")


@group.command()
@click.argument("user")
def unban(user: str) -> None:
    """Lift a ban; of an erased account by its whole openid."""
    found = accounts.find(user)
    if found is not None:
        bans.unban(found.id)
        output.print_line(f"unbanned {found.public_id}")
    elif bans.unban_erased(user):
        output.print_line("unbanned the erased account of this openid")
    else:
        raise click.ClickException("there is no such user, and no ban of an erased one")


@group.command()
@click.argument("user")
@click.option("--forget-ban", is_flag=True, help="Let a banned person come back.")
@yes
def erase(user: str, forget_ban: bool, yes: bool) -> None:
    """Delete a user and all that is held about them.

    Of a banned one a digest of the openid stays, which no one can read but which keeps the
    person banned.
    """
    found = user_of(user)
    ask(f"Erase user {found.public_id} for ever?", yes=yes)
    (bans.erase_with_ban if forget_ban else erasure.erase)(found.id)
    stays = found.banned_at is not None and not forget_ban
    output.print_line(f"erased {found.public_id}" + (", who stays banned" if stays else ""))


@group.command()
@click.argument("user")
@click.option(
    "--output", "path", type=click.Path(path_type=Path), help="A new file, for you alone."
)
def export(user: str, path: Path | None) -> None:
    """Print all that is held about a user, as JSON: for them to have."""
    held = export_user(user_of(user))
    if path is None:
        output.print_json(held)
        return
    with files.new(path) as draft:
        draft.write_text(json.dumps(held, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    output.print_line(f"written to {path}", err=True)


def _item(row: Any) -> Item:  # noqa: ANN401 (a row of the listing)
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
