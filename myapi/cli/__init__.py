"""The commands: one group per file, imported only when it is called."""

import importlib
import logging
from collections.abc import Sequence

import click
from flask import Flask
from flask.cli import AppGroup, FlaskGroup

from myapi.cli.command import SETTINGS_ERROR
from myapi.db.engines import COMMAND, WEB, Timeouts
from myapi.settings import INSTANCE

#: Command → its module in this package, and its name in that module.
COMMANDS = {
    "users": ("users", "group"),
    "sessions": ("sessions", "group"),
    "secrets": ("secrets", "group"),
    "stats": ("stats", "command"),
    "backup": ("backup", "command"),
    "restore": ("backup", "restore"),
    "wechat": ("wechat", "group"),
    "doctor": ("doctor", "command"),
    "db": ("db", "group"),  # replaces Flask-Migrate's own
    "new": ("new", "command"),
    "dev": ("dev", "group"),
}
SERVER_COMMANDS = {"run"}
#: Names that commands of a team cannot have: ours, Flask's, and those of later versions.
RESERVED = {
    *COMMANDS,
    *("run", "shell", "routes"),
    *("console", "events", "jobs", "messages"),
}


class LazyGroup(AppGroup):
    """Our commands and those of extensions. Ours are not imported in a process that serves."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"myapi.cli.{module}"), name)
        return command


def init_app(app: Flask) -> None:
    app.cli = LazyGroup(app.name)
    if timeouts() is COMMAND:
        _quiet_logs()


def app_without_settings(
    error: click.ClickException, commands: Sequence[click.Command] = ()
) -> Flask:
    """Return an app that has only commands, if the flask command asks for it; else raise `error`.

    `error` says what is wrong with the settings or with the team's own code; `commands` are those
    of that code.

    The flask command looks up commands in the context of its own group. `flask run`, `flask shell`
    and the like load the app in contexts of their own: they need one that works.
    """
    context = click.get_current_context(silent=True)
    if context is None or not isinstance(context.command, FlaskGroup):
        raise error
    app = Flask("myapi", static_folder=None, instance_path=str(INSTANCE))
    app.extensions[SETTINGS_ERROR] = error
    init_app(app)
    for command in commands:
        app.cli.add_command(command)
    return app


def timeouts() -> Timeouts:
    """Return the database timeouts: a command may wait longer than a request."""
    context = click.get_current_context(silent=True)
    return WEB if context is None or context.info_name in SERVER_COMMANDS else COMMAND


def _quiet_logs() -> None:
    """Log warnings only, and on a terminal no audit lines: the command prints what it did."""
    from myapi.cli import output

    logging.getLogger("myapi").setLevel(logging.WARNING)
    level = logging.ERROR if output.at_terminal() else logging.NOTSET
    logging.getLogger("myapi.audit").setLevel(level)
