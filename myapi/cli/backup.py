"""`flask backup PATH` and `flask restore PATH`: a copy of the whole database, and back."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import click
from sqlalchemy import inspect, text
from sqlalchemy.engine import URL, make_url

from myapi import migrator, schema_version, sessions
from myapi.cli import dump, files, screen
from myapi.cli.command import Command
from myapi.cli.options import ask
from myapi.cli.options import yes as yes_option
from myapi.database import reading
from myapi.extensions import Base, db, settings


@click.command("backup", cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> None:
    """Copy the database to PATH, a new file that only you can read.

    The service goes on meanwhile. The copy is whole and of one moment: of SQLite a database, of
    MySQL a dump, compressed where PATH ends in .gz. Secrets in it stay sealed; the secret keys
    are to be kept elsewhere.
    """
    url = make_url(settings().database_url)
    with files.new(path) as draft:
        with reading() as connection:
            connection.execute(text("SELECT 1 FROM alembic_version"))  # or it is not our database
            screen.progress(f"copying to {path}")
            if _is_sqlite(url):
                connection.execute(text("VACUUM INTO :draft"), {"draft": str(draft)})
        if not _is_sqlite(url):
            dump.write(url, path, draft)
    screen.progress("")
    screen.say(f"{path}: {screen.size(path.stat().st_size)}")


@click.command("restore", cls=Command)
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--check", is_flag=True, help="Only tell whether PATH could be restored.")
@yes_option
def restore(path: Path, check: bool, yes: bool) -> None:
    """Put the copy at PATH, which `backup` made, in the place of the database.

    Stop the service first, and back up what is there. All that was written since that copy is
    gone, so every session is ended: one that was ended since would be alive again. Phones log
    in anew by themselves.
    """
    url = make_url(settings().database_url)
    revision = _revision_of_copy(path) if _is_sqlite(url) else dump.revision(path)
    there = _revision_of_database()
    if revision != there:  # after a rollback past a migration, both may be newer than this code
        _must_know(revision, str(path))
        _must_know(there, "the database")
    if check:
        screen.say(f"{path} is whole")
        return
    ask("Put it in the place of the database?", yes=yes)
    screen.progress(f"restoring {path}")
    if _is_sqlite(url):
        _overwrite(path, url)
    else:
        _drop_tables()
        dump.load(url, path)
    if schema_version.is_known(revision):
        migrator.upgrade()
    ended = sessions.revoke_all()
    screen.progress("")
    screen.say(f"{path} is restored; {screen.count(ended, 'session')} ended")


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _revision_of_copy(path: Path) -> str:
    """Return the revision of a copy of SQLite; raise ClickException unless it is one, whole."""
    try:
        # Nothing is written beside it: a copy may lie where only reading is allowed.
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as copy:
            found = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            whole = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.Error:
        raise click.ClickException(f"{path} is no backup of myapi") from None
    if not whole:
        raise click.ClickException(f"{path} is damaged")
    return str(found[0]) if found else ""


def _revision_of_database() -> str | None:
    """Return None for a database in which nothing is yet."""
    tables = inspect(db.engine).get_table_names()
    if not tables:
        return None
    with reading() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found)


def _must_know(revision: str | None, what: str) -> None:
    if revision is not None and not schema_version.is_known(revision):
        told = re.sub(r"\W", "?", revision)[:32] or "none"
        raise click.ClickException(
            f"{what} is at revision {told}, which this code does not know: put the release live"
            " that made it"
        )


def _overwrite(path: Path, url: URL) -> None:
    """Write all pages in one transaction: who else has the database open sees all or nothing."""
    connection = db.engine.raw_connection()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as copy:
            copy.backup(connection.driver_connection)  # type: ignore[arg-type]
    finally:
        connection.close()


def _drop_tables() -> None:
    """Make room for those of the dump; tables of other programs in the database stay."""
    ours = {*Base.metadata.tables, "alembic_version"}
    with db.engine.begin() as connection:
        connection.execute(text("SET FOREIGN_KEY_CHECKS = 0"))
        for name in inspect(connection).get_table_names():
            if name in ours:
                connection.execute(text(f"DROP TABLE `{name}`"))
