"""The door for operators: one command group a file, loaded when it is called for."""

import importlib
import logging

import click
from flask import Flask
from flask.cli import AppGroup, FlaskGroup

from myapi.cli.command import SETTINGS_ERROR
from myapi.engines import COMMAND, WEB, Patience
from myapi.settings import INSTANCE, SettingsError

#: By name: the module below this one, and what the command is called there.
COMMANDS = {
    "users": ("users", "group"),
    "sessions": ("sessions", "group"),
    "secrets": ("secrets", "group"),
    "stats": ("stats", "command"),
    "backup": ("backup", "command"),
    "restore": ("backup", "restore"),
    "wechat": ("wechat", "group"),
    "doctor": ("doctor", "command"),
    "db": ("db", "group"),  # in the place of Flask-Migrate's own
}
SERVING = {"run"}


class Commands(AppGroup):
    """Our commands, beside those that others add; a process that serves loads none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"myapi.cli.{module}"), name)
        return command


def init_app(app: Flask) -> None:
    app.cli = Commands(app.name)
    if patience() is COMMAND:
        _log_what_a_command_does_not_say()


def app_without_settings(error: SettingsError) -> Flask:
    """Give the flask command an app with nothing but commands; everyone else gets the error.

    It looks for the app's commands in the context of its own group. `flask run`, `flask shell`
    and the like ask in theirs, for an app to work on.
    """
    context = click.get_current_context(silent=True)
    if context is None or not isinstance(context.command, FlaskGroup):
        raise error
    app = Flask("myapi", static_folder=None, instance_path=str(INSTANCE))
    app.extensions[SETTINGS_ERROR] = error
    init_app(app)
    return app


def patience() -> Patience:
    """Tell how long to wait for the database: a command may, a request may not."""
    context = click.get_current_context(silent=True)
    return WEB if context is None or context.info_name in SERVING else COMMAND


def _log_what_a_command_does_not_say() -> None:
    """Leave stderr to warnings; at a terminal, who bans a user need not read that it was done."""
    from myapi.cli import screen

    logging.getLogger("myapi").setLevel(logging.WARNING)
    said = logging.ERROR if screen.at_terminal() else logging.NOTSET
    logging.getLogger("myapi.audit").setLevel(said)
