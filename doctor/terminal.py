"""Printing on a terminal: colours where they are wanted, and no character that it lacks."""

from __future__ import annotations

import json
import os
import sys
from typing import TextIO

COLOURS = {"red": 31, "green": 32, "yellow": 33, "grey": 90}


def paint(text: str, colour: str, *, bold: bool = False) -> str:
    return f"\x1b[{'1;' if bold else ''}{COLOURS[colour]}m{text}\x1b[0m"


def wants_colour(stream: TextIO) -> bool:
    """Whether it is a terminal that shows colours, and the user has not refused them (NO_COLOR)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return False
    return sys.platform != "win32" or _enable_on_windows()


def _enable_on_windows() -> bool:
    """Let the console obey escape sequences; an old one cannot."""
    if sys.platform != "win32":
        return False
    import ctypes

    kernel = ctypes.windll.kernel32
    handle = kernel.GetStdHandle(-11)  # STD_OUTPUT_HANDLE
    mode = ctypes.c_uint32()
    if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(kernel.SetConsoleMode(handle, mode.value | 4))  # VIRTUAL_TERMINAL_PROCESSING


def print_text(text: str, *, as_json: bool = False) -> None:
    """Print, with ? for characters that the stream's encoding lacks; JSON escapes them."""
    sys.stdout.write(fit(text, sys.stdout.encoding or "utf-8", as_json=as_json) + "\n")
    sys.stdout.flush()


def fit(text: str, encoding: str, *, as_json: bool = False) -> str:
    """Replace what an encoding lacks. JSON is in UTF-8 or else in ASCII, as every program reads."""
    if not as_json:
        return text.encode(encoding, "replace").decode(encoding)
    is_utf8 = encoding.lower().replace("-", "").replace("_", "") == "utf8"
    try:
        text.encode("utf-8" if is_utf8 else "ascii")
    except UnicodeEncodeError:
        return json.dumps(json.loads(text), indent=2)
    return text
