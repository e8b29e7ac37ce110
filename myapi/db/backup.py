"""Copy the whole database to a file, and restore the database from such a file."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import URL, make_url

from myapi.db import dump, migrate, schema_version
from myapi.db.dump import BackupError
from myapi.db.transactions import reading
from myapi.extensions import Base, db, settings

__all__ = ["BackupError", "check", "restore", "write"]


def write(path: Path, draft: Path) -> None:
    """Copy a consistent snapshot of the database to the empty file `draft`.

    The caller renames it to `path`. The copy of SQLite is a database, that of MySQL a dump, which
    is compressed if `path` ends in `.gz`.
    """
    url = _url()
    with reading() as connection:
        connection.execute(text("SELECT 1 FROM alembic_version"))  # fails if it is not our database
        if _is_sqlite(url):
            connection.execute(text("VACUUM INTO :draft"), {"draft": str(draft)})
            return
    dump.write(url, path, draft)


def check(path: Path) -> str:
    """Return the revision of the backup at `path`; raise BackupError if it cannot be restored."""
    url = _url()
    revision = _revision_of_file(path) if _is_sqlite(url) else dump.revision(path)
    current = _revision_of_database()
    if revision != current:  # after a rollback past a migration, both may be newer than this code
        _check_is_known(revision, str(path))
        _check_is_known(current, "the database")
    return revision


def restore(path: Path) -> None:
    """Replace the database by the backup at `path`, and apply the migrations that it lacks."""
    revision = check(path)
    url = _url()
    if _is_sqlite(url):
        _overwrite(path)
    else:
        _drop_tables()
        dump.load(url, path)
    if schema_version.is_known(revision):
        migrate.upgrade()


def _url() -> URL:
    return make_url(settings().database_url)


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _revision_of_file(path: Path) -> str:
    """Return the revision of a SQLite backup; raise BackupError if it is none, or damaged."""
    try:
        # immutable: SQLite creates no files beside it, so the folder may be read-only.
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            intact = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.Error:
        raise BackupError(f"{path} is not a backup of myapi") from None
    if not intact:
        raise BackupError(f"{path} is damaged")
    return str(row[0]) if row else ""


def _revision_of_database() -> str | None:
    """Return None for a database without tables."""
    if not inspect(db.engine).get_table_names():
        return None
    with reading() as connection:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(revision)


def _check_is_known(revision: str | None, what: str) -> None:
    if revision is not None and not schema_version.is_known(revision):
        shown = re.sub(r"\W", "?", revision)[:32] or "none"
        raise BackupError(
            f"{what} is at revision {shown}, which this code does not know: run the release that"
            " made it"
        )


def _overwrite(path: Path) -> None:
    """Write all pages in one transaction: other processes see all of it or nothing."""
    connection = db.engine.raw_connection()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as backup:
            backup.backup(connection.driver_connection)  # type: ignore[arg-type]
    finally:
        connection.close()


def _drop_tables() -> None:
    """Drop our tables, which the dump creates again; tables of other programs are kept."""
    ours = {*Base.metadata.tables, "alembic_version"}
    with db.engine.begin() as connection:
        connection.execute(text("SET FOREIGN_KEY_CHECKS = 0"))
        for name in inspect(connection).get_table_names():
            if name in ours:
                connection.execute(text(f"DROP TABLE `{name}`"))
