"""Alembic, for what changes the schema. Commands load it; the service has no use for it."""

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
    """Bring a database to this code's schema: that of the current app, or another."""
    init_app(current_app._get_current_object())  # type: ignore[attr-defined]
    if engine is None:
        flask_migrate.upgrade()
        return
    config = migrate.get_config(FOLDER)
    config.attributes["engine"] = engine  # see migrations/env.py
    command.upgrade(config, "head")
