"""Runs the migrations on the database of the settings (`flask db upgrade`).

Or on another one, where the caller puts its engine into the attributes of the configuration
(`flask db copy`).
"""

import logging
from contextlib import contextmanager

from alembic import context
from alembic.operations.ops import DropTableOp
from flask import current_app

from myapi.db.types import UtcDateTime
from myapi.extensions import Base, db

log = logging.getLogger("alembic.runtime.migration")
log.setLevel(logging.INFO)


def run() -> None:
    engine = context.config.attributes.get("engine") or db.engine
    with engine.connect() as connection, _without_cascades(connection):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=_render_item,
            process_revision_directives=_tidy,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


@contextmanager
def _without_cascades(connection):
    """Let SQLite make a table anew, as most changes need, and keep the rows that refer to it.

    The pragma has no effect inside a transaction, so it is set before one begins.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
        if lost := driver.execute("PRAGMA foreign_key_check").fetchall():
            raise SystemExit(f"the migration left rows that refer to nothing: {lost[:3]}")
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _render_item(kind, item, autogen_context):
    """Write our own type out, so that a migration stays as it is when myapi changes."""
    if kind != "type" or not isinstance(item, UtcDateTime):
        return False
    autogen_context.imports.add("from sqlalchemy.dialects import mysql")
    return "sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql')"


def _tidy(_context, _revision, directives):
    """Drop a table with its indexes: MySQL does not drop one that a foreign key needs by itself."""
    for downgrade in (down for script in directives for down in script.downgrade_ops_list):
        gone = {op.table_name for op in downgrade.ops if isinstance(op, DropTableOp)}
        downgrade.ops = [
            op
            for op in downgrade.ops
            if isinstance(op, DropTableOp) or getattr(op, "table_name", None) not in gone
        ]


if context.is_offline_mode():
    raise SystemExit("give the migrations a database: --sql is not supported")
run()
