"""`flask sessions …`: list, end and purge sessions."""

from collections.abc import Iterator
from typing import Any

import click

from myapi.auth import listings, sessions
from myapi.auth.purge import purge_batch
from myapi.cli import output
from myapi.cli.command import Group, with_pauses
from myapi.cli.options import (
    AddressParam,
    confirm,
    get_user,
    json_option,
    pagination_options,
    yes_option,
)
from myapi.cli.output import Item
from myapi.clock import iso

COLUMNS: output.Columns = {
    "ID": lambda session: session["id"],
    "USER": lambda session: session["user"],
    "STATE": lambda session: session["state"],
    "CREATED": lambda session: session["created_at"],
    "LAST SEEN": lambda session: session["last_seen_at"],
    "IP": lambda session: session["ip"],
    "USER AGENT": lambda session: session["user_agent"],
}


@click.group("sessions", cls=Group)
def group() -> None:
    """List and end sessions, and delete old ones."""


@group.command("list")
@click.option("--user", metavar="USER", help="Sessions of this user: a public id or a full openid.")
@click.option("--live/--ended", default=None, help="Live sessions, or ended and expired ones.")
@click.option("--ip", type=AddressParam(), help="Sessions opened from this IP address.")
@pagination_options
def list_sessions(
    limit: int,
    after: int | None,
    as_json: bool,
    user: str | None,
    live: bool | None,
    ip: str | None,
) -> None:
    """List sessions, the newest first.

    A session is live, ended (by logout, ban or an operator) or expired (unused too long or too
    old).
    """
    owner = None if user is None else get_user(user).id
    page = listings.sessions(limit, after, user_id=owner, live=live, ip=ip)
    items = [_item(row) for row in page.rows]
    output.print_page(items, page.next, COLUMNS, "sessions", as_json=as_json)


@group.command()
@click.argument("session", metavar="[ID]", required=False)
@click.option("--user", metavar="USER", help="Sessions of this user: a public id or a full openid.")
@click.option(
    "--all", "all_users", is_flag=True, help="All in the database, of other mini programs too."
)
@yes_option
def revoke(session: str | None, user: str | None, all_users: bool, yes: bool) -> None:
    """End the session ID, all sessions of a user, or all: their tokens are refused at once."""
    if (session is not None) + (user is not None) + all_users != 1:
        raise click.UsageError("give exactly one of ID, --user USER and --all")
    if session is not None:
        if not sessions.revoke(session):
            raise click.ClickException("there is no such session")
        output.print_line(f"ended {session}")
        return
    if user is not None:
        ended = sessions.revoke_of_user(get_user(user).id)
    else:
        confirm("End every session of every user in the database?", yes=yes)
        ended = sessions.revoke_all()
    output.print_line(f"{output.count(ended, 'session')} ended")


@group.command()
@json_option()
def purge(as_json: bool) -> None:
    """Delete the rows of ended and expired sessions; meant for a nightly timer.

    Sessions of banned users stay, so that their tokens are still answered with 403, not 401. So do
    those of other mini programs on the same database: their own timers purge them.
    """
    purged = 0
    for batch in with_pauses(_purge()):
        purged += batch
        output.progress(f"{output.count(purged, 'session')} purged")
    output.progress("")
    if as_json:
        output.print_json({"purged": purged})
    else:
        output.print_line(f"{output.count(purged, 'session')} purged")


def _purge() -> Iterator[int]:
    after: int | None = 0
    while after is not None:
        purged, after = purge_batch(after)
        yield purged


def _item(row: Any) -> Item:  # noqa: ANN401 (a row of the list)
    return {
        "id": row.public_id,
        "user": row.user,
        "state": "live" if row.live else "ended" if row.ended_at else "expired",
        "created_at": iso(row.created_at),
        "last_seen_at": row.last_seen_at and iso(row.last_seen_at),
        "ended_at": row.ended_at and iso(row.ended_at),
        "ip": row.ip,
        "user_agent": row.user_agent,
    }
