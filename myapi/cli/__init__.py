"""The door for operators: one command group a file."""

import logging

import click
from flask import Flask
from flask.cli import FlaskGroup

from myapi.cli import backup, db, doctor, screen, secrets, sessions, stats, users, wechat
from myapi.cli.command import SETTINGS_ERROR
from myapi.engines import COMMAND, WEB, Patience
from myapi.settings import INSTANCE, SettingsError

COMMANDS = (
    users.group,
    sessions.group,
    secrets.group,
    stats.command,
    backup.command,
    backup.restore,
    wechat.group,
    doctor.command,
    db.group,  # in the place of Flask-Migrate's own
)
SERVING = {"run"}


def init_app(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)
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
    logging.getLogger("myapi").setLevel(logging.WARNING)
    said = logging.ERROR if screen.at_terminal() else logging.NOTSET
    logging.getLogger("myapi.audit").setLevel(said)
