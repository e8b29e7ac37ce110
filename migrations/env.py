"""Run the migrations on the database of the settings (`flask db upgrade`).

A caller can have them run on another database: it puts its engine into the attributes of the
configuration (`flask db copy`).
"""

from contextlib import contextmanager

from alembic import context
from alembic.operations.ops import DropTableOp
from flask import current_app
from sqlalchemy.exc import DBAPIError

from myapi.db import migrate
from myapi.db.backup import leftovers
from myapi.db.cut_short import explained
from myapi.db.exclusive import exclusive
from myapi.db.types import UtcDateTime
from myapi.extensions import Base, db


def run() -> None:
    engine = context.config.attributes.get("engine") or db.engine
    with engine.connect() as connection, exclusive(connection), _foreign_keys_off(connection):
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:
            leftovers.finish(connection)
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=_render_item,
            process_revision_directives=_finish_script,
            include_object=_is_compared,
            # On SQLite all migrations are one transaction; MySQL commits each step by itself.
            transactional_ddl=is_sqlite,
            **current_app.extensions["migrate"].configure_args,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
                if is_sqlite:
                    _check_foreign_keys(connection)
            connection.commit()
        except DBAPIError as error:
            raise explained(error, connection) from None


@contextmanager
def _foreign_keys_off(connection):
    """Turn SQLite's foreign keys off.

    SQLite makes most changes by recreating the table. With foreign keys on, dropping the old table
    would delete the rows that refer to it. The pragma has no effect inside a transaction, so it is
    set before one begins.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        if not connection.invalidated:
            driver.execute("PRAGMA foreign_keys = ON")


def _check_foreign_keys(connection):
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
        raise SystemExit(
            f"the migration would leave rows whose foreign keys point to no row: {broken[:3]}"
        )


def _render_item(kind, item, autogen_context):
    """Write UtcDateTime as plain SQLAlchemy types: migrations must not depend on our code."""
    if kind != "type" or not isinstance(item, UtcDateTime):
        return False
    autogen_context.imports.add("from sqlalchemy.dialects import mysql")
    return "sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql')"


def _is_compared(_object, name, kind, _reflected, _compare_to):
    """Compare the team's tables alone, and without `app/` those of myapi: others may be there."""
    own = current_app.extensions.get("app_tables", ())
    return kind != "table" or name in (own or Base.metadata.tables)


def _finish_script(_context, _revision, directives):
    """Complete a new migration before it is written; `flask db migrate` writes no empty one."""
    compared = getattr(context.config.cmd_opts, "autogenerate", False)
    if compared and directives[0].upgrade_ops.is_empty():
        directives.clear()
    for script in directives:
        migrate.put_into_own_line(script, context.script)
    _remove_index_drops(directives)


def _remove_index_drops(directives):
    """Leave out `drop_index` for a table that is dropped: it drops its indexes itself.

    MySQL refuses to drop an index alone that a foreign key needs.
    """
    for downgrade in (down for script in directives for down in script.downgrade_ops_list):
        dropped = {op.table_name for op in downgrade.ops if isinstance(op, DropTableOp)}
        downgrade.ops = [
            op
            for op in downgrade.ops
            if isinstance(op, DropTableOp) or getattr(op, "table_name", None) not in dropped
        ]


if context.is_offline_mode():
    raise SystemExit("migrations need a database: --sql is not supported")
run()
