"""Copy the whole database to a file, and put such a copy in its place."""

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
    """Copy the database, as of one moment, to the empty file `draft`; it will be named `path`.

    Of SQLite the copy is a database, of MySQL a dump, compressed if `path` ends in `.gz`.
    """
    url = _url()
    with reading() as connection:
        connection.execute(text("SELECT 1 FROM alembic_version"))  # or it is not our database
        if _is_sqlite(url):
            connection.execute(text("VACUUM INTO :draft"), {"draft": str(draft)})
            return
    dump.write(url, path, draft)


def check(path: Path) -> str:
    """Return the revision of the copy at `path`, or raise BackupError if it cannot be restored."""
    url = _url()
    revision = _revision_of_copy(path) if _is_sqlite(url) else dump.revision(path)
    current = _revision_of_database()
    if revision != current:  # after a rollback past a migration both may be newer than this code
        _must_be_known(revision, str(path))
        _must_be_known(current, "the database")
    return revision


def restore(path: Path) -> None:
    """Put the copy at `path` in the place of the database, and migrate it to this code."""
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


def _revision_of_copy(path: Path) -> str:
    """Return the revision of a copy of SQLite; raise BackupError unless it is one and whole."""
    try:
        # Nothing is written beside it: a copy may be where only reading is allowed.
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as copy:
            found = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            whole = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.Error:
        raise BackupError(f"{path} is no backup of myapi") from None
    if not whole:
        raise BackupError(f"{path} is damaged")
    return str(found[0]) if found else ""


def _revision_of_database() -> str | None:
    """Return None for a database without tables."""
    if not inspect(db.engine).get_table_names():
        return None
    with reading() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found)


def _must_be_known(revision: str | None, what: str) -> None:
    if revision is not None and not schema_version.is_known(revision):
        shown = re.sub(r"\W", "?", revision)[:32] or "none"
        raise BackupError(
            f"{what} is at revision {shown}, which this code does not know: put the release live"
            " that made it"
        )


def _overwrite(path: Path) -> None:
    """Write all pages in one transaction: other processes see all of it or nothing."""
    connection = db.engine.raw_connection()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as copy:
            copy.backup(connection.driver_connection)  # type: ignore[arg-type]
    finally:
        connection.close()


def _drop_tables() -> None:
    """Make room for the tables of the dump; tables of other programs in the database stay."""
    ours = {*Base.metadata.tables, "alembic_version"}
    with db.engine.begin() as connection:
        connection.execute(text("SET FOREIGN_KEY_CHECKS = 0"))
        for name in inspect(connection).get_table_names():
            if name in ours:
                connection.execute(text(f"DROP TABLE `{name}`"))
