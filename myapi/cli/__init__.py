"""The door for operators: one command group a file."""

import click
from flask import Flask
from flask.cli import FlaskGroup

from myapi.database import COMMAND, WEB, Patience
from myapi.settings import SettingsError

SERVING = {"run"}


def init_app(app: Flask) -> None:
    pass


def app_without_settings(error: SettingsError) -> Flask:
    raise error


def patience() -> Patience:
    """Tell how long to wait for the database: a command may, a request may not."""
    context = click.get_current_context(silent=True)
    return WEB if context is None or context.info_name in SERVING else COMMAND
