"""Texts in English and Chinese, and how untrusted text is made safe to print."""

from __future__ import annotations

import locale
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

SHOWN = 160  # characters of untrusted text that are shown


class Text(NamedTuple):
    en: str
    zh: str

    def in_language(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


EMPTY = Text("", "")


def join(parts: Iterable[Text]) -> Text:
    texts = list(parts)
    return Text("; ".join(each.en for each in texts), "；".join(each.zh for each in texts))


def untranslated(text: str) -> Text:
    """The same in both languages: a number, a name, a line of a log."""
    return Text(text, text)


def printable(text: str | bytes, limit: int = SHOWN) -> str:
    """Make untrusted text safe to print: one line without control characters, cut at `limit`."""
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode("utf-8", "replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def system_language() -> str:
    """Return zh on a computer whose locale is Chinese, else en."""
    names = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    chosen = next(filter(None, names), "") or locale.getlocale()[0] or ""
    return "zh" if re.match(r"zh|chinese", chosen, re.IGNORECASE) else "en"
