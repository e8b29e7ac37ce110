"""`flask events …`: what WeChat has pushed, and what became of it."""

from collections.abc import Iterator
from typing import Any

import click

from myapi.cli import output
from myapi.cli.command import Group, with_pauses
from myapi.cli.options import json_option, pagination_options, reason_option, utc_option
from myapi.cli.tables import Column, Item, print_fields, print_page
from myapi.cli.times import for_people
from myapi.clock import iso
from myapi.language import localized
from myapi.push import handling, inbox, listings
from myapi.push.handlers import handle
from myapi.push.models import DONE, FAILED, WAITING

COLUMNS = [
    Column("ID", lambda event: event["id"]),
    Column("EVENT", lambda event: event["event"]),
    Column("STATE", lambda event: event["state"], drop=1),
    Column("CAME", lambda event: event["created_at"], drop=2, is_time=True),
    Column("ATTEMPTS", lambda event: str(event["attempts"]), drop=4),
    Column("LAST ERROR", lambda event: event["last_error"], drop=3, is_text=True),
]


@click.group("events", cls=Group)
def group() -> None:
    """List, show and handle the events that WeChat has pushed."""


@group.command("list")
@click.option("--state", type=click.Choice((WAITING, DONE, FAILED)), help="Events in this state.")
@pagination_options
def list_events(limit: int, after: int | None, as_json: bool, utc: bool, state: str | None) -> None:
    """List events, the newest first."""
    page = listings.events(limit, after, state=state)
    items = [_item(row) for row in page.rows]
    none = localized("no events", "没有事件")
    print_page(items, page.next, COLUMNS, none, as_json=as_json, utc=utc)


@group.command()
@click.argument("event", metavar="ID", type=int)
@utc_option
@json_option()
def show(event: int, as_json: bool, utc: bool) -> None:
    """Show one event and what WeChat said; it may have an openid."""
    found = listings.event(event)
    if found is None:
        raise click.ClickException(_no_such_event())
    row, content = found
    item = {**_item(row), "content": content}
    if as_json:
        output.print_json(item)
        return
    fields = {name: value for name, value in item.items() if name != "content"}
    fields["created_at"] = for_people(fields["created_at"], utc=utc)
    print_fields({name: None if value is None else str(value) for name, value in fields.items()})
    if content is None:
        output.print_line(localized("what it said is deleted", "内容已删除"))
    else:
        output.print_json(content)


@group.command()
@click.argument("event", metavar="ID", type=int)
@reason_option
def retry(event: int, reason: str | None) -> None:
    """Handle an event again, even one that is done."""
    if not handling.retry(event, reason):
        raise click.ClickException(_no_such_event())
    _run(limit=None)


@group.command()
@json_option()
def run(as_json: bool) -> None:
    """Handle the events whose time has come; meant for a timer.

    The service handles each event as it comes. What fails is tried again after 1, 5 and 15 minutes
    and 1, 3, 6, 12 and 24 hours.
    """
    _run(limit=None, as_json=as_json)


@group.command()
@json_option()
def purge(as_json: bool) -> None:
    """Delete what events said after 30 days, and their rows after 400; meant for a nightly timer.

    The rows keep a digest, so that a push that is replayed is not handled again.
    """
    emptied = deleted = 0
    for batch in with_pauses(_purge()):
        emptied, deleted = emptied + batch[0], deleted + batch[1]
    if as_json:
        output.print_json({"emptied": emptied, "deleted": deleted})
        return
    output.print_line(
        localized(
            f"{output.count(emptied, 'event')} emptied, {deleted} deleted",
            f"已清空 {emptied} 个事件的内容，删除 {deleted} 个事件",
        )
    )


def _run(*, limit: int | None, as_json: bool = False) -> None:
    handled, failed = handling.handle_due(handle, limit)
    if as_json:
        output.print_json({"handled": handled, "failed": failed})
    else:
        output.print_line(
            localized(
                f"{output.count(handled, 'event')} handled, {failed} failed",
                f"已处理 {handled} 个事件，失败 {failed} 个",
            )
        )
    if failed:
        raise click.exceptions.Exit(1)


def _purge() -> Iterator[tuple[int, int]]:
    while any(batch := inbox.purge_batch()):
        yield batch


def _no_such_event() -> str:
    return localized(
        "there is no such event, or what it said is deleted", "没有这个事件，或其内容已删除"
    )


def _item(row: Any) -> Item:  # noqa: ANN401 (a row of the list)
    return {
        "id": str(row.id),
        "event": row.name,
        "state": row.state,
        "attempts": row.attempts,
        "last_error": row.last_error,
        "created_at": iso(row.created_at),
        "next_at": iso(row.next_at) if row.state == WAITING else None,
    }
