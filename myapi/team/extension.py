"""What a team adds to myapi: the one object that `app/__init__.py` makes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import click
from flask import Blueprint

from myapi.console.boxes import ConsoleBox, ConsolePage
from myapi.settings import AppSettings
from myapi.team import checks
from myapi.team.errors import ExtensionError
from myapi.users.erasure import Hook
from myapi.users.events import Handler
from myapi.users.export import Exporter
from myapi.web.errors import ErrorSpec

T = TypeVar("T")


@dataclass(kw_only=True)
class Extension:
    """All that a team adds, on one screen.

        extension = Extension(
            blueprints=[notes.bp],
            commands=[notes.group],
            settings=notes.Settings,
            errors={"notes_full": ErrorSpec(409, 40950, "You have too many notes.", "笔记已满。")},
            exports={"notes": notes.held_about},
            on={"signup": notes.welcome},
        )

    Where one of a kind stands here, a list of several may stand: `settings`, and each of `on`.
    Raises `ExtensionError` with all that is wrong, as far as it can be seen without an app.
    """

    #: Routes. Each needs a session unless it is marked `@public`.
    blueprints: Sequence[Blueprint] = ()
    #: Commands of `flask …`, made with `Group` and `Command`.
    commands: Sequence[click.Command] = ()
    #: Classes of settings; `settings(notes.Settings)` returns what was read at the start.
    settings: type[AppSettings] | Sequence[type[AppSettings]] = ()
    #: What `raise ApiError("notes_full")` answers. Own codes end in 50 to 99.
    errors: Mapping[str, ErrorSpec] = field(default_factory=dict)
    #: Own fields of `flask users export`: called as (connection, user_id), they return JSON.
    exports: Mapping[str, Exporter] = field(default_factory=dict)
    #: Called as (tx, user_id) in the transaction that erases a user, before the rows go. For what
    #: is no row: the rows of a table with `user_id_column()` go by themselves.
    erases: Sequence[Hook] = ()
    #: Pages of your own in the console, and boxes on its page of each user.
    console_pages: Sequence[ConsolePage] = ()
    console_boxes: Sequence[ConsoleBox] = ()
    #: Called as (user_id) after `signup`, `login`, `ban`, `unban` or `erase` is committed. An
    #: exception is logged and fails no call.
    on: Mapping[str, Handler | Sequence[Handler]] = field(default_factory=dict)

    # The loader fills these in.
    folder: Path | None = field(default=None, init=False)
    tables: frozenset[str] = field(default=frozenset(), init=False)
    texts: Mapping[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        problems = [
            *checks.blueprints(self.blueprints),
            *checks.commands(self.commands),
            *checks.settings(self.own_settings),
            *checks.errors(self.errors),
            *checks.exports(self.exports),
            *checks.erases(self.erases),
            *checks.handlers(self.handlers()),
            *checks.console_pages(self.console_pages),
            *checks.console_boxes(self.console_boxes),
        ]
        if problems:
            raise ExtensionError(problems)

    @property
    def own_settings(self) -> Sequence[type[AppSettings]]:
        return _several(self.settings)

    def handlers(self) -> Iterator[tuple[str, Handler]]:
        """Yield event and handler of each entry in `on`."""
        for event, handlers in self.on.items():
            for handler in _several(handlers):
                yield event, handler


def _several(one_or_more: T | Sequence[T]) -> Sequence[T]:
    return one_or_more if isinstance(one_or_more, list | tuple) else (one_or_more,)
