"""Back up MySQL to a dump, and replace its tables by those of a dump.

A dump is loaded into new tables beside those in use, which are then exchanged in one `RENAME
TABLE`: at any moment the database is whole, the old one or the new one. What a restore leaves that
was killed is removed by the next restore, and by the next `flask db upgrade`. No privilege is
needed but those on the tables of the database, with CREATE, DROP, ALTER, INDEX and REFERENCES.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import sqlalchemy.exc
from sqlalchemy import Connection, Engine, MetaData, Table, text
from sqlalchemy.engine import make_url

from myapi.db import migrate, schema_version
from myapi.db.backup import dump, dump_file, leftovers
from myapi.db.backup.contents import Contents, Prepare
from myapi.db.backup.errors import BackupError
from myapi.db.backup.exchange import choose, exchange
from myapi.db.backup.leftovers import NEW, finish
from myapi.db.backup.loading import compare, load
from myapi.db.engines import THIS_MACHINE, separate_engine
from myapi.db.exclusive import exclusive
from myapi.db.transactions import reading
from myapi.extensions import Base, settings
from myapi.language import localized

MARGIN = 1.5  # tables take more room than their rows in a dump


def write(path: Path, draft: Path) -> None:
    """Dump a consistent snapshot to `draft`, compressed if `path` ends in `.gz`."""
    with reading() as connection:
        left = leftovers.tables(connection)
    dump.write(make_url(settings().database_url), path, draft, ignore=left)


def read(path: Path) -> Contents:
    """Read a dump to its end; raises BackupError if it is none, or incomplete."""
    return dump_file.read(path)


def replace(path: Path, contents: Contents, prepare: Prepare) -> int:
    """Replace our tables by those of the dump at `path`; return what `prepare` returned.

    The migrations that the dump lacks are applied when its tables are in place.
    """
    result = _replace_in_one_step(path, contents, prepare)
    if schema_version.state_of(contents.revisions) == "behind":
        migrate.upgrade()
    return result


def _replace_in_one_step(path: Path, contents: Contents, prepare: Prepare) -> int:
    engine = separate_engine(settings().database_url)
    try:
        with engine.connect() as connection, exclusive(connection):
            finish(connection)
            return _replace(connection, path, contents, prepare)
    except BaseException:
        _clean_up(engine)
        raise
    finally:
        engine.dispose()


def _replace(connection: Connection, path: Path, contents: Contents, prepare: Prepare) -> int:
    _check_space(connection, contents)
    loaded, replaced = choose(connection, contents)
    temporary = {name: f"{NEW}{number}" for number, name in enumerate(sorted(loaded), 1)}
    load(connection, path, temporary)
    compare(connection, contents, temporary)
    result = prepare(connection, _models(temporary))
    exchange(connection, temporary, replaced)
    finish(connection)
    return result


def _clean_up(engine: Engine) -> None:
    """Drop the temporary tables if that is possible now; if not, the next run does it."""
    failures = suppress(sqlalchemy.exc.SQLAlchemyError)
    with failures, engine.connect() as connection, exclusive(connection, wait=0):
        connection.exec_driver_sql("SET SESSION lock_wait_timeout = 5")
        finish(connection)


def _check_space(connection: Connection, contents: Contents) -> None:
    """Refuse if the disk of a server on this machine is too small for both databases at once."""
    if connection.engine.url.host not in {None, *THIS_MACHINE}:
        return
    with suppress(OSError):  # the folder may be on another machine after all, behind a tunnel
        free = shutil.disk_usage(connection.scalar(text("SELECT @@datadir"))).free
        if free < contents.size * MARGIN:
            raise BackupError(
                localized(
                    "too little room for the restored tables beside those in use:"
                    f" {contents.size * MARGIN / 1e6:.0f} MB are needed,"
                    f" {free / 1e6:.0f} MB are free",
                    "空间不足，恢复的表需要与使用中的表并存："
                    f"需要 {contents.size * MARGIN / 1e6:.0f} MB，剩余 {free / 1e6:.0f} MB",
                )
            )


def _models(temporary: Mapping[str, str]) -> dict[str, Table]:
    """Return the models' tables under the names that they have now."""
    return {
        name: model.to_metadata(MetaData(), name=temporary[name])
        for name, model in Base.metadata.tables.items()
        if name in temporary
    }
