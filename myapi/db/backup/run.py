"""Write, check and restore a backup, of whichever database the settings name."""

import re
from pathlib import Path
from types import ModuleType

import sqlalchemy.exc
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from myapi.db import schema_version
from myapi.db.backup import mysql, sqlite
from myapi.db.backup.contents import Contents, Prepare
from myapi.db.backup.errors import BackupError
from myapi.db.schema_version import VERSION_TABLE
from myapi.db.transactions import reading
from myapi.extensions import Base, settings
from myapi.language import localized


def write(path: Path, draft: Path) -> None:
    """Copy a consistent snapshot of the database to the empty file `draft`.

    The caller renames it to `path`. The copy of SQLite is a database, that of MySQL a dump, which
    is compressed if `path` ends in `.gz`.
    """
    with reading() as connection:
        connection.execute(text(f"SELECT 1 FROM {VERSION_TABLE}"))  # fails if it is not ours  # noqa: S608
    _kind().write(path, draft)


def check(path: Path) -> Contents:
    """Return what the backup at `path` holds; raise BackupError if it cannot be restored."""
    contents: Contents = _kind().read(path)
    if not Base.metadata.tables.keys() & contents.rows.keys():
        raise BackupError(
            localized(f"{path} is not a backup of myapi", f"{path} 不是 myapi 的备份")
        )
    _check_revisions(contents.revisions, path)
    return contents


def restore(path: Path, contents: Contents, prepare: Prepare) -> int:
    """Replace the database by the backup at `path`, and apply the migrations that it lacks.

    `contents` is what `check` has returned. `prepare` changes the restored rows before anyone sees
    them; returns what it returned. Killed at any moment, the database is whole: the old one, or the
    restored one. If that lacks a migration then, `flask db upgrade` applies it.
    """
    result: int = _kind().replace(path, contents, prepare)
    return result


def _kind() -> ModuleType:
    backend = make_url(settings().database_url).get_backend_name()
    return sqlite if backend == "sqlite" else mysql


def _check_revisions(revisions: frozenset[str], path: Path) -> None:
    """Refuse a backup of newer code than this, unless the database is of that code as well.

    After a rollback past a migration both are newer than this code, and it runs on them. A database
    that cannot be read, or that is empty, refuses nothing: it is the one that has to be restored.
    """
    if schema_version.state_of(revisions) != "newer":
        return
    if (current := _revisions_of_database()) and current != revisions:
        unknown = sorted(revisions - schema_version.migrations().keys())
        shown = ", ".join(re.sub(r"\W", "?", revision)[:32] for revision in unknown)
        raise BackupError(
            localized(
                f"{path} is at revision {shown}, which this code does not know: run the release"
                " that made it",
                f"{path} 的版本是 {shown}，当前代码不认识：请用生成它的那个版本来恢复",
            )
        )


def _revisions_of_database() -> set[str]:
    """Return none for a database without tables, and for one that is damaged."""
    try:
        with reading() as connection:
            if VERSION_TABLE not in inspect(connection).get_table_names():
                return set()
            return schema_version.applied(connection)
    except sqlalchemy.exc.DatabaseError:
        return set()
