"""Alembic, through Flask-Migrate. Only commands import it; the service does not need it."""

import flask_migrate
from alembic import command
from flask import Flask, current_app
from sqlalchemy import Engine

from myapi.extensions import db
from myapi.settings import ROOT

FOLDER = str(ROOT / "migrations")

migrate = flask_migrate.Migrate(render_as_batch=True)


def init_app(app: Flask) -> None:
    migrate.init_app(app, db, directory=FOLDER)


def upgrade(engine: Engine | None = None) -> None:
    """Apply all missing migrations to the current app's database, or to that of `engine`."""
    init_app(current_app._get_current_object())  # type: ignore[attr-defined]
    config = migrate.get_config(FOLDER)
    config.attributes["engine"] = engine  # see migrations/env.py
    command.upgrade(config, "head")
