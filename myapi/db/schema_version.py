"""Compare the schema of the database with the migrations of this code."""

import ast
import functools
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import sqlalchemy.exc
from sqlalchemy import Connection, text

from myapi.db.transactions import reading
from myapi.settings import ROOT

log = logging.getLogger(__name__)

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
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")))


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


@functools.cache
def migrations() -> Migrations:
    """Read the revisions of this code from its migration files.

    Alembic could do this too, but importing it costs each process 6 MB.
    """
    files = (ROOT / "migrations" / "versions").glob("*.py")
    return dict(_read(file) for file in files)


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
