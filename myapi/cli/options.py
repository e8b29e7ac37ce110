"""Options and arguments that several commands share, and the question before destroying data."""

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import click

from myapi import audit
from myapi.audit.models import REASON_LENGTH
from myapi.clock import now
from myapi.language import localized

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

AGE = re.compile(r"([0-9]{1,4})([hdw])")
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Parsed(click.ParamType[T]):
    """What a function reads from a text; its ValueError says what is valid, in the user's words."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> T:
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _time(text: str) -> datetime:
    """Read a date, an ISO time (UTC if it has no offset), or an age such as `30d` (30 days ago)."""
    age = AGE.fullmatch(text)
    try:
        if age:
            return now() - timedelta(**{UNITS[age[2]]: int(age[1])})
        time = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text))
        return time.replace(tzinfo=time.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(
            localized(
                "must be a time such as 2026-11-01, 2026-11-01T08:00:00Z, 12h, 30d or 4w",
                "应为时间，例如 2026-11-01、2026-11-01T08:00:00Z、12h、30d 或 4w",
            )
        ) from None


def _time_of_day(text: str) -> timedelta:
    """Read a time of the day, such as 19:30, as what has passed since midnight."""
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", text)
    if found is None:
        raise ValueError(localized("must be a time such as 19:30", "应为时间，例如 19:30"))
    return timedelta(hours=int(found[1]), minutes=int(found[2]))


def _address(text: str) -> str:
    """Read an IP address, in the spelling that is stored."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(localized("must be an IP address", "应为 IP 地址")) from None


def _cursor(text: str) -> int:
    """Read the `next` of a page: the key of its last row. 18 digits fit a 64-bit integer."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(localized("must be the `next` of a page", "应为某一页的 `next`"))
    return int(text)


def _reason(text: str) -> str | None:
    """Read why something is done; None if it is empty."""
    try:
        return audit.clean_reason(text)
    except ValueError:
        raise ValueError(
            localized(
                f"must be one line of at most {REASON_LENGTH} characters",
                f"应为一行，最多 {REASON_LENGTH} 个字符",
            )
        ) from None


TIME = Parsed("time", _time)
TIME_OF_DAY = Parsed("hour", _time_of_day)
ADDRESS = Parsed("address", _address)
CURSOR = Parsed("cursor", _cursor)
REASON = Parsed("reason", _reason)


def pagination_options(command: F) -> F:
    """Add `--limit`, `--after`, `--utc` and `--json` to a command that lists."""
    for option in (
        json_option("Print {items, next} as JSON."),
        utc_option,
        click.option(
            "--after",
            type=CURSOR,
            help="Start after this row: the `next` of the previous page.",
        ),
        click.option(
            "--limit",
            type=click.IntRange(1, 10_000),
            default=50,
            show_default=True,
            help="At most so many rows.",
        ),
    ):
        command = option(command)
    return command


def json_option(text: str = "Print JSON.") -> Callable[[F], F]:
    return click.option("--json", "as_json", is_flag=True, help=text)


reason_option = click.option(
    "--reason", type=REASON, metavar="TEXT", help="Why; the audit log keeps it."
)
utc_option = click.option("--utc", is_flag=True, help="Print times in full, in UTC.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")


def confirm(question: str, *, yes: bool, way_out: str = "") -> None:
    """Ask, and end the command unless the answer is yes; no answer (cron, a timer) means no.

    `way_out` says how a script does without the question; by default with --yes.
    """
    if yes:
        return
    try:
        confirmed = click.confirm(question, err=True)
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        click.echo(err=True)
        unanswered = localized("there is no answer on stdin; ", "stdin 没有回答；")
        way_out = way_out or localized("--yes skips the question", "--yes 可跳过提问")
        raise click.ClickException(unanswered + way_out) from None
    if not confirmed:
        raise click.ClickException(localized("cancelled, nothing was changed", "已取消，未作改动"))
