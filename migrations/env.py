"""Runs the migrations on the database of the settings (`flask db upgrade`)."""

import logging

from alembic import context
from flask import current_app

from myapi.extensions import Base, db

log = logging.getLogger("alembic.runtime.migration")
log.setLevel(logging.INFO)


def run() -> None:
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


if context.is_offline_mode():
    raise SystemExit("give the migrations a database: --sql is not supported")
run()
