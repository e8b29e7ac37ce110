"""Print lines and JSON.

Commands print what users wrote about themselves, so nothing printed may control the terminal.
"""

import json
import shutil
import sys
import unicodedata
from pathlib import Path
from typing import Any

import click

from myapi.settings import ROOT

MAX_PROGRESS = 60  # terminal cells


def print_line(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print, with `?` for characters that the encoding of the terminal or pipe lacks."""
    stream = sys.stderr if err else sys.stdout
    encoding = _encoding(stream)
    click.echo(text.encode(encoding, "replace").decode(encoding), err=err, nl=nl)


def print_json(value: object) -> None:
    """Print JSON. What could control the terminal is escaped, as in any JSON.

    If the encoding of stdout lacks a character, all that is not ASCII is escaped.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    text = "".join(map(_escaped, text))
    try:
        text.encode(_encoding(sys.stdout))
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    click.echo(text)


def progress(text: str) -> None:
    """Show progress on one line that overwrites itself, on a terminal only; "" clears it."""
    if at_terminal():
        cells = min(MAX_PROGRESS, shutil.get_terminal_size().columns - 1)
        text = cut(text, cells)
        padded = text + " " * (cells - width(text))
        print_line(f"\r{padded}" if text else f"\r{padded}\r", err=True, nl=False)


def end_line() -> None:
    """Start a new line on a terminal, after its `^C`."""
    if at_terminal():
        click.echo(err=True)


def at_terminal() -> bool:
    """Return whether stderr is a terminal. On Windows it is None if Python has no console."""
    return sys.stderr is not None and sys.stderr.isatty()


def to_terminal() -> bool:
    """Return whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def flask_as_typed() -> str:
    """Return how to type `flask` at the top of the checkout, also if .venv is not activated."""
    folder, found = Path(sys.executable).parent, shutil.which("flask")
    if (found and Path(found).parent == folder) or not folder.is_relative_to(ROOT):
        return "flask"
    return str(folder.relative_to(ROOT) / "flask")


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


def printable(text: str) -> str:
    """Replace control characters and line ends with `?`; remove invisible format characters.

    Format characters (Unicode category Cf) include those that change the direction of text.
    """
    return "".join(_printable(character) for character in text)


def width(text: str) -> int:
    """Return the number of terminal cells that a text takes; a Chinese character takes two."""
    return sum(_cells(character) for character in text)


def cut(text: str, cells: int) -> str:
    """Cut a text to a width in cells, with … at its end."""
    if width(text) <= cells:
        return text
    kept, room = "", cells - width("…")
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        kept += character
    return kept + "…" if cells > 0 else ""


def _printable(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return "?" if category in {"Cc", "Cs", "Zl", "Zp"} else character


def _escaped(character: str) -> str:
    """Return a character of JSON, escaped if it is invisible. A line end is one of the layout."""
    invisible = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return json.dumps(character)[1:-1] if invisible and character != "\n" else character


def _cells(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _encoding(stream: Any) -> str:  # noqa: ANN401 (a text stream, or None without a console)
    return getattr(stream, "encoding", None) or "utf-8"
