"""Compare the schema of the database with the migrations of this code.

There are two lines of them: myapi's, in `migrations/versions`, and the team's, in `app/migrations`.
"""

import ast
import functools
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import sqlalchemy.exc
from flask import current_app
from sqlalchemy import Connection, String, column, select, table

from myapi.db.transactions import reading
from myapi.settings import ROOT

log = logging.getLogger(__name__)

VERSION_TABLE = "alembic_version"
MIGRATIONS = ROOT / "migrations" / "versions"
VARIABLES = {"revision", "down_revision", "depends_on"}

State: TypeAlias = Literal["behind", "current", "newer"]
Migrations: TypeAlias = Mapping[str, tuple[str, ...]]  # revision → the revisions that it builds on


def is_ready() -> bool:
    """Whether this code can run on the database: no migration of this code is missing.

    A newer database is ready too: migrations only add, so the previous release runs on it after a
    rollback. Raises SQLAlchemyError if the database does not answer.
    """
    try:
        with reading() as connection:
            found = applied(connection)
    except sqlalchemy.exc.ProgrammingError:  # MySQL: the table does not exist
        return False
    state = state_of(found)
    if state == "newer":
        log.warning("the database is newer than this code: revision %s", ", ".join(sorted(found)))
    return state != "behind"


def applied(connection: Connection) -> set[str]:
    """Return the rows of `alembic_version`. A row implies all revisions before it as well."""
    rows = select(column("version_num", String)).select_from(table(VERSION_TABLE))
    return set(connection.scalars(rows))


def state_of(found: Iterable[str]) -> State:
    """Compare applied revisions with the migrations of this code.

    A revision that this code does not know makes the database newer.
    """
    known = migrations()
    if not known.keys() >= set(found):
        return "newer"
    return "current" if known.keys() == _with_ancestors(found, known) else "behind"


def heads() -> set[str]:
    """Return the revisions that `alembic_version` holds once every migration is applied."""
    known = migrations()
    return known.keys() - {before for revision in known for before in known[revision]}


def is_known(revision: str) -> bool:
    """Whether this code has a migration with that revision id."""
    return revision in migrations()


def folders() -> tuple[Path, ...]:
    """Return the folders of both lines; a team without tables has none."""
    own = own_folder()
    return (MIGRATIONS, *([own] if own and own.is_dir() else []))


def own_folder() -> Path | None:
    """Return where the migrations of the team's own code are, or will be; None without `app/`."""
    app: Path | None = current_app.extensions.get("app_folder")
    return app and app / "migrations"


def migrations() -> Migrations:
    """Read the revisions of this code from its migration files.

    Alembic could do this too, but importing it costs each process 6 MB.
    """
    return _read_all(tuple((folder, folder.stat().st_mtime_ns) for folder in folders()))


@functools.lru_cache(maxsize=4)
def _read_all(folders: tuple[tuple[Path, int], ...]) -> Migrations:
    """Read all files, again when one was added."""
    return dict(_read(file) for folder, _changed in folders for file in folder.glob("*.py"))


def _read(file: Path) -> tuple[str, tuple[str, ...]]:
    values: dict[str, Any] = {}
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name in VARIABLES:
                values[name] = ast.literal_eval(value)
    before = (values.get("down_revision"), values.get("depends_on"))
    return values["revision"], tuple(revision for each in before for revision in _tuple(each))


def _tuple(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _with_ancestors(revisions: Iterable[str], known: Migrations) -> set[str]:
    found: set[str] = set()
    pending = list(revisions)
    while pending:
        revision = pending.pop()
        if revision not in found:
            found.add(revision)
            pending.extend(known[revision])
    return found
