"""Exchange our tables for restored ones in one step, and leave those of other programs."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, inspect

from myapi.db.backup.contents import Contents
from myapi.db.backup.leftovers import OLD
from myapi.db.mysql_names import quoted
from myapi.db.schema_version import VERSION_TABLE
from myapi.extensions import Base

OURS = "myapi_"  # tables of later versions begin so
LOCK_WAIT = 30  # s for the statements that use the tables


def choose(connection: Connection, contents: Contents) -> tuple[set[str], set[str]]:
    """Return which tables of the dump are loaded, and which of the database they replace.

    Ours are those of the models, and all whose foreign keys lead to them. A table of another
    program stays as it is, unless only the dump has it.
    """
    live = _references(connection)
    ours = {*Base.metadata.tables, VERSION_TABLE}
    ours |= {name for name in {*live, *contents.references} if name.startswith(OURS)}
    while more := {
        name
        for graph in (live, contents.references)
        for name, references in graph.items()
        if references & ours and name not in ours
    }:
        ours |= more
    missing = contents.references.keys() - live.keys()
    return contents.references.keys() & (ours | missing), live.keys() & ours


def exchange(
    connection: Connection, temporary: Mapping[str, str], replaced: Collection[str]
) -> None:
    """Put the loaded tables in the place of those in use, in one step.

    With foreign keys on, the server redirects each one to the table under its new name.
    """
    away = [f"{quoted(name)} TO {OLD}{number}" for number, name in enumerate(sorted(replaced), 1)]
    into_place = [f"{name} TO {quoted(live)}" for live, name in temporary.items()]
    connection.exec_driver_sql(
        f"SET SESSION foreign_key_checks = 1, lock_wait_timeout = {LOCK_WAIT}"
    )
    connection.exec_driver_sql(f"RENAME TABLE {', '.join([*away, *into_place])}")


def _references(connection: Connection) -> dict[str, set[str]]:
    """Return the tables of the database, and those that the foreign keys of each lead to."""
    inspector = inspect(connection)
    return {
        name: {key["referred_table"] for key in inspector.get_foreign_keys(name)}
        for name in inspector.get_table_names()
    }
