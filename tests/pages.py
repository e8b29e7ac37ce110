"""The documents and their code blocks.

A block's first line names its language; further words say where its commands are typed:

    ```sh                in a checkout, on a developer's machine
    ```sh server         on a server that `deploy/myapi up` sets up
    ```sh server other   on several machines, which no test has
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from myapi.settings import ROOT

BLOCK = re.compile(
    r"(?:^`(?P<file>[\w/.]+)`[^\n]*\n\n)?"
    r"^ *```(?P<language>\w*) ?(?P<place>[\w ]*)\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """`file` begins the line above the block: "`app/notes.py`:"."""

    language: str
    place: str
    file: str
    code: str


def translated(page: str) -> str:
    """Return the path of the Chinese twin of an English page."""
    return page.removesuffix(".md") + ".zh-CN.md"


def blocks_of(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(
            found["language"],
            found["place"],
            found["file"] or "",
            textwrap.dedent(found["code"]),
        )
        for found in BLOCK.finditer(text)
    ]
