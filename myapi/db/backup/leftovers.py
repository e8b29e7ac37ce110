"""End what a restore on MySQL has begun: drop its temporary tables, and name constraints.

A restore does so when its tables are in place. If it was killed before, the next restore does, and
the next `flask db upgrade`.
"""

import re

from sqlalchemy import Connection, text

from myapi.db.mysql_names import NAME, plain, quoted

NEW = "myapi_new_"  # tables that are being loaded, and constraints of restored tables
OLD = "myapi_old_"  # tables that were replaced
GENERATED = re.compile(rf"{NEW}\d+(_(?:ibfk|chk)_\d+)")
CONSTRAINT = re.compile(rf"^  CONSTRAINT {NAME} (FOREIGN KEY|CHECK) (.*?),?$", re.M)

TABLES = text(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
    " AND (table_name LIKE :new OR table_name LIKE :old)"
)
CONSTRAINED = text(
    "SELECT DISTINCT table_name FROM information_schema.table_constraints"
    " WHERE constraint_schema = DATABASE() AND constraint_name LIKE :new"
)


def finish(connection: Connection) -> None:
    connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
    try:
        _drop_tables(connection)
        for table in connection.scalars(CONSTRAINED, {"new": _pattern(NEW)}).all():
            _name_constraints(connection, table)
    finally:
        connection.exec_driver_sql("SET SESSION foreign_key_checks = 1")


def tables(connection: Connection) -> list[str]:
    """Return the tables of a restore that has not ended."""
    return list(connection.scalars(TABLES, {"new": _pattern(NEW), "old": _pattern(OLD)}))


def _drop_tables(connection: Connection) -> None:
    if left := tables(connection):
        connection.exec_driver_sql(f"DROP TABLE {', '.join(map(quoted, left))}")


def _name_constraints(connection: Connection, table: str) -> None:
    """Replace each constraint by the same one under its own name; no row is read for that."""
    definition = connection.exec_driver_sql(f"SHOW CREATE TABLE {quoted(table)}").one()[1]
    changes = []
    for name, kind, rule in CONSTRAINT.findall(definition):
        if name.startswith(NEW):
            generated = GENERATED.fullmatch(name)
            own = table + generated[1] if generated else plain(name).removeprefix(NEW)
            changes.append(f"DROP {kind} `{name}`, ADD CONSTRAINT {quoted(own)} {kind} {rule}")
    if changes:
        connection.exec_driver_sql(
            f"ALTER TABLE {quoted(table)} {', '.join(changes)}",
            execution_options={"no_parameters": True},
        )


def _pattern(prefix: str) -> str:
    return prefix.replace("_", r"\_") + "%"
