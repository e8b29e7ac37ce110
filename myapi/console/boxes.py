"""What a team's own code adds: pages, and boxes on the page of a user.

What they show is plain data, so it looks like the rest and nothing in it can harm:

- a text is a paragraph
- a dict is a list of facts, each with its name
- a list of dicts is a table; the keys of the first one are its columns

A value under the key `user` that is a public id leads to that user. `Markup` is shown as it is.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flask import Flask

from myapi.console.language import translate

log = logging.getLogger(__name__)

Row: TypeAlias = Mapping[str, object]
Content: TypeAlias = str | Row | Sequence[Row]


@dataclass(frozen=True)
class ConsolePage:
    """A page of your own in the console: `ConsolePage("notes", "Notes", latest_notes)`.

    Its path is `/console/app/<name>`. `show` is called with the parameters of the query, as texts,
    and returns what to show. Titles and keys are translated by `app/zh.json`.
    """

    name: str
    title: str
    show: Callable[[Mapping[str, str]], Content]


@dataclass(frozen=True)
class ConsoleBox:
    """A box on the page of each user: `ConsoleBox("Notes", notes_of)`.

    `show` is called with the user's id, the `user_id` of your tables, and returns what to show.
    """

    title: str
    show: Callable[[int], Content]


class Shown:
    """The content of a box with its title."""

    def __init__(self, title: str, content: Content) -> None:
        self.title = title
        self.content = content

    @property
    def kind(self) -> str:
        if isinstance(self.content, Mapping):
            return "facts"
        return "text" if isinstance(self.content, str) else "table"


def register(app: Flask, pages: Sequence[ConsolePage], boxes_of_user: Sequence[ConsoleBox]) -> None:
    app.extensions["console_pages"].update({page.name: page for page in pages})
    app.extensions["console_boxes"].extend(boxes_of_user)


def of_user(app: Flask, user_id: int) -> list[Shown]:
    boxes: list[ConsoleBox] = app.extensions["console_boxes"]
    return [Shown(box.title, _content(box, user_id)) for box in boxes]


def _content(box: ConsoleBox, user_id: int) -> Content:
    """Return what a box shows. If it fails, the rest of the page is there all the same."""
    try:
        return box.show(user_id)
    except Exception:
        log.exception("the box %r failed", box.title, extra={"event": "handler_failed"})
        return translate("This cannot be shown now.")
