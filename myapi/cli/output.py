"""Print aligned columns for people and JSON for programs.

Commands print what users wrote about themselves, so nothing printed may control the terminal.
"""

import json
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

Item = Mapping[str, Any]
Columns = Mapping[str, Callable[[Item], str | None]]

MAX_COLUMN_WIDTH = 60  # terminal cells


def print_line(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print, with `?` for characters that the encoding of the terminal or pipe lacks."""
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), err=err, nl=nl)


def print_json(value: object) -> None:
    """Print JSON in ASCII: it fits every encoding and holds no control characters."""
    click.echo(json.dumps(value, indent=2))


def print_page(
    items: Sequence[Item], cursor: str | None, columns: Columns, what: str, *, as_json: bool
) -> None:
    """Print one page of a list: rows to stdout, remarks (no rows, more pages) to stderr."""
    if as_json:
        print_json({"items": items, "next": cursor})
        return
    if not items:
        print_line(f"no {what}", err=True)
        return
    rows = [[fit_column(column(item)) for column in columns.values()] for item in items]
    for line in _align([list(columns), *rows]):
        print_line(line)
    if cursor is not None:
        print_line(f"more: --after {cursor}", err=True)


def print_fields(fields: Mapping[str, str | None]) -> None:
    """Print one item, a line for each of its fields."""
    for line in _align([[name, printable(value or "") or "-"] for name, value in fields.items()]):
        print_line(line)


def progress(text: str) -> None:
    """Show progress on one line that overwrites itself, on a terminal only; "" clears it."""
    if at_terminal():
        padded = f"{text:<{MAX_COLUMN_WIDTH}}"
        print_line(f"\r{padded}" if text else f"\r{padded}\r", err=True, nl=False)


def end_line() -> None:
    """Start a new line on a terminal, after its `^C`."""
    if at_terminal():
        click.echo(err=True)


def at_terminal() -> bool:
    """Return whether stderr is a terminal. On Windows it is None if Python has no console."""
    return sys.stderr is not None and sys.stderr.isatty()


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def size(number: float) -> str:
    """Format a number of bytes for people."""
    units = iter(("B", "KB", "MB", "GB"))
    unit = next(units)
    while number >= 1000 and unit != "GB":
        number, unit = number / 1000, next(units)
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"


def shorten_openid(openid: str | None) -> str | None:
    """Shorten an openid: enough to tell two apart, too little to copy it from a screenshot."""
    if openid is None:
        return None
    return f"{openid[:4]}…{openid[-4:]}" if len(openid) > 12 else f"{openid[:2]}…"


def fit_column(value: str | None) -> str:
    """Make a text printable and cut it to the width of a column."""
    text = printable(value or "")
    while width(text) > MAX_COLUMN_WIDTH:
        text = text[:-2].rstrip("…") + "…"
    return text or "-"


def printable(text: str) -> str:
    """Replace control characters and line ends with `?`; remove invisible format characters.

    Format characters (Unicode category Cf) include those that change the direction of text.
    """
    return "".join(_printable(character) for character in text)


def width(text: str) -> int:
    """Return the number of terminal cells that a text takes; a Chinese character takes two."""
    return sum(_cells(character) for character in text)


def _printable(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return "?" if category in {"Cc", "Cs", "Zl", "Zp"} else character


def _cells(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text + " " * (cells - width(text)) for text, cells in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
