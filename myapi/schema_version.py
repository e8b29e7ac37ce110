"""Whether the database's schema is one that this code can run on."""

import functools
import logging

import sqlalchemy.exc
from alembic.script import ScriptDirectory
from sqlalchemy import text

from myapi.database import reading
from myapi.settings import ROOT

log = logging.getLogger(__name__)


def is_current() -> bool:
    """Whether the database is at this code's revision or at a newer one.

    A revision that the code does not know is newer: migrations only add, so the former release
    runs on it, and a rollback or a rolling release stays ready. Raises SQLAlchemyError where
    the database does not answer.
    """
    try:
        with reading() as connection:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except sqlalchemy.exc.ProgrammingError:  # MySQL's word for a table that is not there
        return False
    if found is None:
        return False
    if found not in _revisions():
        log.warning("the database is at a newer revision than this code: %s", found)
        return True
    return bool(found == _revisions()[0])


def newest() -> str:
    """Return the revision that this code is written for."""
    return _revisions()[0]


def is_known(revision: str) -> bool:
    """Whether this code has a migration of that name."""
    return revision in _revisions()


@functools.cache
def _revisions() -> tuple[str, ...]:
    """Return the revisions that this code knows, the newest first."""
    scripts = ScriptDirectory(str(ROOT / "migrations"))
    return tuple(script.revision for script in scripts.walk_revisions())
