"""`flask sessions …`: list, end and purge sessions."""

from collections.abc import Iterator
from typing import Any

import click

from myapi.auth import listings, sessions
from myapi.auth.purge import purge_batch
from myapi.cli import output
from myapi.cli.command import Group, with_pauses
from myapi.cli.options import (
    ADDRESS,
    confirm,
    json_option,
    pagination_options,
    reason_option,
    yes_option,
)
from myapi.cli.people import get_user, get_user_to_change
from myapi.cli.tables import Column, Item, print_page
from myapi.clock import iso
from myapi.language import localized
from myapi.operators import listings as operators
from myapi.users import phone

COLUMNS = [
    Column("ID", lambda session: session["id"]),
    Column("USER", lambda session: session["user"], drop=2),
    Column("STATE", lambda session: session["state"], drop=1),
    Column("CREATED", lambda session: session["created_at"], drop=5, is_time=True),
    Column("LAST SEEN", lambda session: session["last_seen_at"], drop=3, is_time=True),
    Column("IP", lambda session: session["ip"], drop=4),
    Column("USER AGENT", lambda session: session["user_agent"], drop=6, is_text=True),
]
OF_USER = "Sessions of this user: an id, a full openid or unionid, or a nickname."


@click.group("sessions", cls=Group)
def group() -> None:
    """List and end sessions, and delete old ones."""


@group.command("list")
@click.option("--user", metavar="USER", help=OF_USER)
@click.option("--live/--ended", default=None, help="Live sessions, or ended and expired ones.")
@click.option("--ip", type=ADDRESS, help="Sessions opened from this IP address.")
@pagination_options
def list_sessions(
    limit: int,
    after: int | None,
    as_json: bool,
    utc: bool,
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
    none = localized("no sessions", "没有会话")
    print_page(items, page.next, COLUMNS, none, as_json=as_json, utc=utc)


@group.command()
@click.argument("session", metavar="[ID]", required=False)
@click.option("--user", metavar="USER", help=OF_USER)
@click.option(
    "--all", "all_users", is_flag=True, help="All in the database, of other mini programs too."
)
@reason_option
@yes_option
def revoke(
    session: str | None, user: str | None, all_users: bool, reason: str | None, yes: bool
) -> None:
    """End the session ID, all sessions of a user, or all: their tokens are refused at once."""
    if (session is not None) + (user is not None) + all_users != 1:
        raise click.UsageError(
            localized(
                "give exactly one of ID, --user USER and --all",
                "请在 ID、--user USER 和 --all 中只给一个",
            )
        )
    if session is not None:
        _revoke_one(session, reason)
        return
    if user is not None:
        ended = sessions.revoke_of_user(get_user_to_change(user, yes=yes).id, reason)
    else:
        question = localized(
            "End every session of every user in the database?", "结束数据库中所有用户的所有会话？"
        )
        confirm(question, yes=yes)
        ended = sessions.revoke_all(reason)
    output.print_line(
        localized(f"{output.count(ended, 'session')} ended", f"已结束 {ended} 个会话")
    )


def _revoke_one(session: str, reason: str | None) -> None:
    ended_now = sessions.revoke(session, reason)
    if ended_now is None:
        raise click.ClickException(localized("there is no such session", "没有这个会话"))
    output.print_line(
        localized(f"ended {session}", f"已结束 {session}")
        if ended_now
        else localized(f"{session} has already ended", f"{session} 早已结束")
    )


@group.command()
@json_option()
def purge(as_json: bool) -> None:
    """Delete the rows of ended and expired sessions; meant for a nightly timer.

    It deletes the digests of old codes for phone numbers, too, and the operators of the console 30
    days after their end.

    Sessions of banned users stay, so that their tokens are still answered with 403, not 401. So do
    those of other mini programs on the same database: their own timers purge them.
    """
    phone.purge_codes()
    operators.purge()
    purged = 0
    for batch in with_pauses(_purge()):
        purged += batch
        output.progress(_purged(purged))
    output.progress("")
    if as_json:
        output.print_json({"purged": purged})
    else:
        output.print_line(_purged(purged))


def _purged(number: int) -> str:
    return localized(f"{output.count(number, 'session')} purged", f"已清理 {number} 个会话")


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
