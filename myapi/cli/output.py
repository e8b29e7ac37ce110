"""How commands print: plain aligned columns for people, JSON for programs.

What users wrote about themselves is shown here, so nothing of it may steer a terminal.
"""

import json
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

Item = Mapping[str, Any]
Columns = Mapping[str, Callable[[Item], str | None]]

WIDEST = 60  # cells of a column


def print_line(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print, with `?` for what the terminal's or the pipe's encoding does not have."""
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), err=err, nl=nl)


def print_json(value: object) -> None:
    """Print JSON in ASCII: any encoding can carry it, and no terminal obeys it."""
    click.echo(json.dumps(value, indent=2))


def print_page(
    items: Sequence[Item], cursor: str | None, columns: Columns, what: str, *, as_json: bool
) -> None:
    """Print one page of a listing; what is no row of it goes to stderr."""
    if as_json:
        print_json({"items": items, "next": cursor})
        return
    if not items:
        print_line(f"no {what}", err=True)
        return
    rows = [[shown(column(item)) for column in columns.values()] for item in items]
    for line in _aligned([list(columns), *rows]):
        print_line(line)
    if cursor is not None:
        print_line(f"more: --after {cursor}", err=True)


def print_fields(fields: Mapping[str, str | None]) -> None:
    """Print one thing, a line for each of its fields."""
    for line in _aligned([[name, safe(value or "") or "-"] for name, value in fields.items()]):
        print_line(line)


def progress(text: str) -> None:
    """Show how far a long command has come, in one line of a terminal; "" takes it away."""
    if at_terminal():
        print_line(f"\r{text:<{WIDEST}}" if text else f"\r{'':<{WIDEST}}\r", err=True, nl=False)


def end_line() -> None:
    """Go to a new line of a terminal, after its `^C`."""
    if at_terminal():
        click.echo(err=True)


def at_terminal() -> bool:
    """Whether a person reads stderr (it is None where Python runs without any, on Windows)."""
    return sys.stderr is not None and sys.stderr.isatty()


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def size(number: float) -> str:
    """Write a number of bytes as a person reads it."""
    units = iter(("B", "KB", "MB", "GB"))
    unit = next(units)
    while number >= 1000 and unit != "GB":
        number, unit = number / 1000, next(units)
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"


def short(openid: str | None) -> str | None:
    """Shorten an openid: enough to tell two apart, too little to take it from a screenshot."""
    if openid is None:
        return None
    return f"{openid[:4]}…{openid[-4:]}" if len(openid) > 12 else f"{openid[:2]}…"


def shown(value: str | None) -> str:
    """Fit a text into a column."""
    text = safe(value or "")
    while width(text) > WIDEST:
        text = text[:-2].rstrip("…") + "…"
    return text or "-"


def safe(text: str) -> str:
    """Take out what steers a terminal: control characters, line ends, changes of direction."""
    return "".join(_safe(character) for character in text)


def width(text: str) -> int:
    """Count the cells of a terminal that a text takes: a Chinese character has two."""
    return sum(_cells(character) for character in text)


def _safe(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return "?" if category in {"Cc", "Cs", "Zl", "Zp"} else character


def _cells(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text + " " * (cells - width(text)) for text, cells in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
