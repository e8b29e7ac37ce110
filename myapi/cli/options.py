"""Options that several commands share, and how a command asks before it destroys."""

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import click

from myapi.clock import now
from myapi.users import accounts
from myapi.users.accounts import UserRow

F = TypeVar("F", bound=Callable[..., Any])

AGO = re.compile(r"([0-9]{1,4})([hdw])")
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """A date, an ISO time (in UTC unless it says otherwise), or such as `30d` for 30 days ago."""

    name = "time"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        ago = AGO.fullmatch(value)
        try:
            if ago:
                return now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
            moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", value))
            return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            self.fail(
                "must be such as 2026-11-01, 2026-11-01T08:00:00Z, 12h, 30d or 4w", param, ctx
            )


class Address(click.ParamType[str]):
    """An IP address, in the one spelling in which it is stored."""

    name = "address"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            self.fail("must be an IP address", param, ctx)


class Cursor(click.ParamType[int]):
    """The `next` of a page: the primary key of its last row, which fits the database's integer."""

    name = "cursor"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", value):
            self.fail("must be the `next` of a page", param, ctx)
        return int(value)


def paged(command: F) -> F:
    """Give a listing its `--limit`, `--after` and `--json`."""
    for option in (
        as_json("Print {items, next} as JSON."),
        click.option(
            "--after",
            type=Cursor(),
            help="Go on after this one: the `next` of the page before.",
        ),
        click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True),
    ):
        command = option(command)
    return command


def as_json(text: str = "Print JSON.") -> Callable[[F], F]:
    return click.option("--json", "as_json", is_flag=True, help=text)


yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def user_of(reference: str) -> UserRow:
    """Find the user that an argument names; where there is none, end the command."""
    user = accounts.find(reference)
    if user is None:
        raise click.ClickException("there is no such user")
    return user


def ask(question: str, *, yes: bool) -> None:
    """Go on only if the answer is yes; nobody there to give one (cron, a timer) is no answer."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        click.echo(err=True)
        raise click.ClickException("nobody answers: say --yes to do it unasked") from None
    if not agreed:
        raise click.ClickException("nothing was done")
