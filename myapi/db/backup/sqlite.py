"""Back up SQLite to a database file, and replace all that is in the database by such a file.

A restore finishes a copy of the backup first: migrated, its sessions ended, checked. The copy then
takes the place of the database in one transaction, so other processes see all of it or nothing,
and one that is killed changes nothing. Only a database that is too damaged for that is set aside.
"""

import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from myapi.clock import now
from myapi.db import migrate, schema_version
from myapi.db.backup.contents import Contents, Prepare
from myapi.db.backup.errors import BackupError
from myapi.db.engines import separate_engine
from myapi.db.schema_version import VERSION_TABLE
from myapi.db.transactions import reading
from myapi.extensions import Base, db
from myapi.language import localized

DRAFT = ".restore-"  # prefix of a folder beside the database
LOCK_WAIT = 60  # s for other writers
ROOM = 2.5  # times the backup, whose indexes grow when its sessions are ended
JOURNALS = ("", "-wal", "-shm")  # added to the database's name


def write(_path: Path, draft: Path) -> None:
    """Copy a consistent snapshot to `draft`, as a database."""
    with reading() as connection:
        connection.execute(text("VACUUM INTO :draft"), {"draft": str(draft)})


def read(path: Path) -> Contents:
    """Check a backup; raises BackupError if it is none, or damaged."""
    try:
        with closing(_open(path)) as connection:
            revisions = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()  # noqa: S608
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise BackupError(localized(f"{path} is damaged", f"{path} 已损坏"))
            return Contents(
                frozenset(str(revision) for (revision,) in revisions),
                _count_rows(connection),
                path.stat().st_size,
            )
    except sqlite3.Error:
        raise BackupError(
            localized(f"{path} is not a backup of myapi", f"{path} 不是 myapi 的备份")
        ) from None


def replace(path: Path, contents: Contents, prepare: Prepare) -> int:
    """Replace the database by the backup at `path`; return what `prepare` returned."""
    database = Path(str(db.engine.url.database))
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_drafts(database)
    _check_space(path, database)
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=database.parent) as folder:
        draft = Path(folder) / database.name
        try:
            result = _finish_copy(path, contents, draft, prepare)
        except sqlite3.Error as error:
            raise BackupError(
                localized(
                    f"the copy of the backup cannot be written: {error}",
                    f"无法写入备份的副本：{error}",
                )
            ) from None
        try:
            _overwrite(database, draft)
        except sqlite3.OperationalError as error:
            raise BackupError(
                localized(f"the database cannot be written: {error}", f"无法写入数据库：{error}")
            ) from None
        except sqlite3.DatabaseError:
            _set_aside(database)
            draft.replace(database)
    return result


def _open(path: Path) -> sqlite3.Connection:
    """Open a file that nobody changes. SQLite creates no files beside it."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
        for (name,) in names
        if not name.startswith("sqlite_")
    }


def _finish_copy(path: Path, contents: Contents, draft: Path, prepare: Prepare) -> int:
    """Copy the backup, apply the migrations that it lacks, and prepare its rows."""
    draft.touch(mode=0o600)
    with closing(_open(path)) as backup, closing(sqlite3.connect(draft)) as copy:
        backup.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file
    engine = separate_engine(make_url("sqlite://").set(database=str(draft)).render_as_string())
    try:
        if schema_version.state_of(contents.revisions) == "behind":
            migrate.upgrade(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = OFF")  # the copy may be lost
            result = prepare(connection, Base.metadata.tables)
    finally:
        engine.dispose()
    _check_pages(draft)
    return result


def _check_pages(draft: Path) -> None:
    with closing(sqlite3.connect(draft)) as copy:
        if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise BackupError(
                localized(
                    "the copy of the backup is damaged: check the disk",
                    "备份的副本已损坏：请检查磁盘",
                )
            )


def _overwrite(database: Path, draft: Path) -> None:
    """Write all pages in one transaction."""
    database.touch(mode=0o600)
    with (
        closing(sqlite3.connect(draft)) as copy,
        closing(sqlite3.connect(database, timeout=LOCK_WAIT)) as target,
    ):
        target.execute("PRAGMA synchronous = FULL")
        target.execute("BEGIN IMMEDIATE")  # fails where `backup` would wait for ever
        target.rollback()
        copy.backup(target)


def _set_aside(database: Path) -> None:
    """Rename the damaged file and its journals: something may still be read from them."""
    stamp = now().strftime("%Y%m%dT%H%M%SZ")
    for journal in JOURNALS:
        with suppress(FileNotFoundError):
            file = Path(f"{database}{journal}")
            file.rename(f"{database}.damaged-{stamp}{journal}")


def _check_space(path: Path, database: Path) -> None:
    """The copy, and the log with its pages, are beside the database until the end."""
    needed, free = path.stat().st_size * ROOM, shutil.disk_usage(database.parent).free
    if free < needed:
        raise BackupError(
            localized(
                f"too little room beside the database: {needed / 1e6:.0f} MB are needed,"
                f" {free / 1e6:.0f} MB are free",
                f"数据库旁空间不足：需要 {needed / 1e6:.0f} MB，剩余 {free / 1e6:.0f} MB",
            )
        )


def _remove_drafts(database: Path) -> None:
    """Remove what a restore has left that was killed."""
    for folder in database.parent.glob(f"{DRAFT}*"):
        shutil.rmtree(folder, ignore_errors=True)
