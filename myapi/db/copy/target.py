"""Check that the target may be written to, migrate it, and mark it until the copy is complete.

The table `myapi_copy_unfinished` exists in the target from the first change until the comparison
has succeeded. It names the source. A copy that was interrupted is thereby recognized and resumed,
and rows from anywhere else are never changed.
"""

from sqlalchemy import Column, MetaData, String, Table, insert, select

from myapi.db import migrate, schema_version
from myapi.db.copy.database import ReflectedDatabase, TableSchema
from myapi.db.copy.errors import RefusedError
from myapi.db.schema_version import VERSION_TABLE
from myapi.language import localized

MARKER = Table(
    "myapi_copy_unfinished",
    MetaData(),
    Column("source", String(512), primary_key=True),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_row_format="DYNAMIC",  # allows a key of 2048 bytes
)


def prepare(target: ReflectedDatabase, source: str, schemas: list[TableSchema]) -> bool:
    """Migrate and mark the target for a copy of the database named `source`.

    Returns False, and changes nothing, if the target has rows that are not from an unfinished copy
    of `source`. Raises `RefusedError` if it cannot be a target.
    """
    existing = target.table_names()
    if MARKER.name in existing:
        _resume(target, source)
        return True
    if existing:
        _check_is_migrated(target, existing, schemas)
        if any(target.count(schema) for schema in target.reflect()):
            return False
    _create_marker(target, source)
    if not existing:
        migrate.upgrade(target.engine)
    return True


def finish(target: ReflectedDatabase) -> None:
    MARKER.drop(target.connection)


def listed(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions)) or "none"


def _resume(target: ReflectedDatabase, source: str) -> None:
    """Continue an interrupted copy of `source`; everything in the target came from it."""
    marked = target.connection.execute(select(MARKER.columns.source)).scalar()
    if marked is None:  # interrupted between creating the table and inserting its row
        target.connection.execute(insert(MARKER).values(source=source))
    elif marked != source:
        raise RefusedError(
            localized(
                f"the target holds the unfinished copy of another database, {marked}",
                f"目标数据库中有另一个数据库未完成的复制：{marked}",
            )
        )
    if schema_version.state_of(target.revisions()) != "current":
        _migrate_again(target)


def _migrate_again(target: ReflectedDatabase) -> None:
    """Drop all tables and migrate: MySQL cannot roll back a migration that was interrupted."""
    metadata = MetaData()
    metadata.reflect(target.connection, only=lambda name, _: name != MARKER.name)
    metadata.drop_all(target.connection)
    migrate.upgrade(target.engine)


def _check_is_migrated(
    target: ReflectedDatabase, existing: set[str], schemas: list[TableSchema]
) -> None:
    foreign = sorted(existing - {schema.name for schema in schemas} - {VERSION_TABLE})
    if foreign:
        raise RefusedError(
            localized(
                f"the target has tables that are not of this database: {', '.join(foreign)}",
                f"目标数据库中有不属于本数据库的表：{', '.join(foreign)}",
            )
        )
    found = target.revisions()
    if schema_version.state_of(found) != "current":
        raise RefusedError(
            localized(
                f"the target is at revision {listed(found)}, and this code at"
                f" {listed(schema_version.heads())}:"
                " use an empty database, which the copy migrates",
                f"目标数据库的版本是 {listed(found)}，当前代码是"
                f" {listed(schema_version.heads())}：请用空数据库，复制时会自动迁移",
            )
        )


def _create_marker(target: ReflectedDatabase, source: str) -> None:
    MARKER.create(target.connection)
    target.connection.execute(insert(MARKER).values(source=source))
