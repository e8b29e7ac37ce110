"""Whether the database's schema is one that this code can run on."""

import ast
import functools
import logging
import re

import sqlalchemy.exc
from sqlalchemy import text

from myapi.database import reading
from myapi.settings import ROOT

log = logging.getLogger(__name__)

CHAIN = re.compile(r"^(revision|down_revision) = (.+)$", re.MULTILINE)


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
    """Return the revisions that this code knows, the newest first.

    Each file names the one before it. Alembic would tell, at 6 MB in every process.
    """
    after: dict[str | None, str] = {}
    for file in (ROOT / "migrations" / "versions").glob("*.py"):
        said = {name: ast.literal_eval(value) for name, value in CHAIN.findall(file.read_text())}
        after[said["down_revision"]] = said["revision"]
    chain: list[str] = []
    found = after.get(None)
    while found:
        chain.insert(0, found)
        found = after.get(found)
    return tuple(chain)
