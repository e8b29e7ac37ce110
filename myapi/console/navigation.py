"""The pages of the console, as its navigation lists them."""

from typing import NamedTuple

from flask import Flask


class Item(NamedTuple):
    path: str
    title: str


OURS = (
    Item("/console/", "Overview"),
    Item("/console/users", "Users"),
    Item("/console/events", "Events"),
    Item("/console/messages", "Messages"),
    Item("/console/audit", "Audit"),
)


def items(app: Flask) -> list[Item]:
    """Return our pages, then those of a team's own code."""
    own = app.extensions["console_pages"].values()
    return [*OURS, *(Item(f"/console/app/{each.name}", each.title) for each in own)]
