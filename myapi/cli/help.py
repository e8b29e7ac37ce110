"""Help that is wrapped by the width of its characters: a Chinese one takes two cells.

click counts characters, and breaks lines at spaces only.
"""

import re
from collections.abc import Iterable, Iterator

import click

from myapi.cli.output import width
from myapi.language import localized

# A word with the punctuation that must not begin the next line, a Chinese character likewise.
CLOSING = "，。、；：！？）」』”…"
OPENING = "（「『“"
CHINESE = "\u2e80-\u9fff\uf900-\ufaff\uff01-\uff60"
TOKEN = re.compile(
    rf"\s+|[{OPENING}]*(?:[^\s{CHINESE}{CLOSING}{OPENING}]+|[{CHINESE}])[{CLOSING}]*|\S"
)


class Formatter(click.HelpFormatter):
    """The layout of click."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or localized("Usage: ", "用法："))

    def write_heading(self, heading: str) -> None:
        self.write(" " * self.current_indent + heading + localized(":", "：") + "\n")

    def write_text(self, text: str) -> None:
        if "\b" in text:  # a mark of click: these lines stay as they are
            super().write_text(text)
            return
        paragraphs = [" ".join(each.split()) for each in re.split(r"\n\s*\n", text.strip())]
        indent = " " * self.current_indent
        for number, paragraph in enumerate(paragraphs):
            if number:
                self.write("\n")
            for line in wrapped(paragraph, self.width - self.current_indent):
                self.write(f"{indent}{line}\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        rows = list(rows)
        first = min(max(width(term) for term, _ in rows), col_max) + col_spacing
        indent = " " * self.current_indent
        for term, text in rows:
            lines = list(wrapped(text, max(self.width - self.current_indent - first, 10)))
            if lines and width(term) <= first - col_spacing:
                term += " " * (first - width(term)) + lines.pop(0)
            for line in (term, *(" " * first + line for line in lines)):
                self.write(f"{indent}{line}\n")


class Context(click.Context):
    formatter_class = Formatter


def wrapped(text: str, cells: int) -> Iterator[str]:
    """Break a paragraph into lines of at most so many cells, unless one word is longer."""
    line = ""
    for token in TOKEN.findall(text):
        if line and width(line + token) > cells:
            yield line.rstrip()
            line = ""
        if line or not token.isspace():
            line += token
    if line.strip():
        yield line.rstrip()
