"""`flask audit …`: what was done to users and to the service, and by whom."""

from collections.abc import Iterator
from typing import Any

import click

from myapi.audit import listings
from myapi.cli import output
from myapi.cli.command import Group, with_pauses
from myapi.cli.options import json_option, pagination_options
from myapi.cli.people import get_user
from myapi.cli.tables import Column, Item, print_page
from myapi.clock import iso
from myapi.language import localized
from myapi.users import total

COLUMNS = [
    Column("AT", lambda entry: entry["at"], is_time=True),
    Column("EVENT", lambda entry: entry["event"]),
    Column("USER", lambda entry: entry["user"], drop=1),
    Column("ACTOR", lambda entry: _actor(entry), drop=2, is_text=True),
    Column("REASON", lambda entry: entry["reason"], drop=3, is_text=True),
    Column("ID", lambda entry: entry["id"], drop=4),
]


@click.group("audit", cls=Group)
def group() -> None:
    """List what was done to users and to the service, and by whom."""


@group.command("list")
@click.option("--user", metavar="USER", help="What was done to this user.")
@click.option("--event", metavar="NAME", help="Entries of this event, such as ban.")
@click.option(
    "--actor",
    metavar="NAME",
    help="Done by operator, command, user, event or system; or by this name.",
)
@pagination_options
def list_entries(
    limit: int,
    after: int | None,
    as_json: bool,
    utc: bool,
    user: str | None,
    event: str | None,
    actor: str | None,
) -> None:
    """List the audit log, the newest first.

    An account that was erased is named in none of its entries.
    """
    public_id = None if user is None else get_user(user).public_id
    page = listings.entries(limit, after, user=public_id, event=event, actor=actor)
    items = [_item(row) for row in page.rows]
    none = localized("no entries", "没有记录")
    print_page(items, page.next, COLUMNS, none, as_json=as_json, utc=utc)


@group.command()
@json_option()
def purge(as_json: bool) -> None:
    """Delete entries and hourly counts after MYAPI_AUDIT_DAYS; meant for a nightly timer.

    It counts all users, too: until the next time, sign-ups and erasures are added to that number.
    """
    total.recount()
    deleted = sum(with_pauses(_purge()))
    hours = listings.purge_hours()
    if as_json:
        output.print_json({"deleted": deleted, "hours": hours})
        return
    entries = f"{deleted} audit entr{'y' if deleted == 1 else 'ies'}"
    output.print_line(
        localized(
            f"{entries} and {output.count(hours, 'hourly count')} deleted",
            f"已删除 {deleted} 条审计记录和 {hours} 条每小时计数",
        )
    )


def _purge() -> Iterator[int]:
    while deleted := listings.purge_batch():
        yield deleted


def _actor(entry: Item) -> str:
    kind, name = entry["actor"]["kind"], entry["actor"]["name"]
    return kind if name is None else f"{kind} {name}"


def _item(row: Any) -> Item:  # noqa: ANN401 (a row of the list)
    return {
        "id": str(row.id),
        "at": iso(row.at),
        "event": row.event,
        "actor": {"kind": row.actor_kind, "name": row.actor_name},
        "user": row.user,
        "reason": row.reason,
        "details": listings.details_of(row),
    }
