"""The database that a copy goes to: whether it may, and what marks it until the copy is whole.

A table `myapi_copy_unfinished` stands in the target from the first change to the last comparison.
It names the database that is copied. So a copy that was stopped is known again, and goes on; and
rows that nobody knows are never touched.
"""

from collections.abc import Callable

from sqlalchemy import Column, MetaData, String, Table, insert, select

from myapi.db.schema_version import applied
from myapi.db.table_snapshot import VERSION, Database, Shape

MARK = Table(
    "myapi_copy_unfinished",
    MetaData(),
    Column("source", String(512), primary_key=True),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_row_format="DYNAMIC",  # for a key of 2048 bytes
)


class RefusedError(Exception):
    """What keeps the target from being one, in a sentence; nothing in it has been changed."""


def prepare(
    target: Database, source: str, shapes: list[Shape], heads: set[str], migrate: Callable[[], None]
) -> bool:
    """Make the target ready for a copy of `source`, or raise `RefusedError`.

    Tells whether it is ours to write to. It is not where it has rows that no copy of `source`
    left half done; these may be looked at.
    """
    there = target.names()
    if MARK.name in there:
        _go_on(target, source, heads, migrate)
        return True
    if there:
        _must_be_ours(target, there, shapes, heads)
        target.reflect()
        if any(target.count(shape) for shape in shapes):
            return False
    _mark(target, source)
    if not there:
        migrate()
    return True


def finish(target: Database) -> None:
    MARK.drop(target.connection)


def revisions_of(database: Database) -> set[str]:
    return applied(database.connection) if VERSION in database.names() else set()


def listed(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions)) or "none"


def _go_on(target: Database, source: str, heads: set[str], migrate: Callable[[], None]) -> None:
    """Take up a copy that was stopped. All that is in the target came from it."""
    marked = target.connection.execute(select(MARK.columns.source)).scalar()
    if marked is None:  # stopped between the table and its row
        target.connection.execute(insert(MARK).values(source=source))
    elif marked != source:
        raise RefusedError(f"the target holds the unfinished copy of another database, {marked}")
    if revisions_of(target) != heads:  # stopped in a migration, which MySQL cannot take back
        metadata = MetaData()
        metadata.reflect(target.connection, only=lambda name, _: name != MARK.name)
        metadata.drop_all(target.connection)
        migrate()


def _must_be_ours(target: Database, there: set[str], shapes: list[Shape], heads: set[str]) -> None:
    strangers = sorted(there - {shape.name for shape in shapes} - {VERSION})
    if strangers:
        raise RefusedError(
            f"the target has tables that are not of this database: {', '.join(strangers)}"
        )
    found = revisions_of(target)
    if found != heads:
        raise RefusedError(
            f"the target is at revision {listed(found)}, and this code at {listed(heads)}: give an"
            " empty database, which is migrated by itself"
        )


def _mark(target: Database, source: str) -> None:
    MARK.create(target.connection)
    target.connection.execute(insert(MARK).values(source=source))
