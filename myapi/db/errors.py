"""Tell an outage of the database from a fault in a statement, and what a message may show."""

import re

import sqlalchemy.exc

NO_SUCH_TABLE = 1146  # MySQL: a ProgrammingError; SQLite raises an OperationalError

# Drivers quote values of a refused row in their messages. These are personal data.
_QUOTED_VALUE = re.compile(r"'.*?' for (key|column)")

_STATEMENT_FAULTS = (
    sqlalchemy.exc.IntegrityError,
    sqlalchemy.exc.DataError,
    sqlalchemy.exc.ProgrammingError,
    sqlalchemy.exc.NotSupportedError,
)


def is_outage(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """Whether the database is unreachable, locked, full or read-only, or lacks a migration."""
    if isinstance(error, sqlalchemy.exc.TimeoutError) or _lacks_migration(error):
        return True
    return isinstance(error, sqlalchemy.exc.DBAPIError) and not isinstance(error, _STATEMENT_FAULTS)


def refusal(error: sqlalchemy.exc.DBAPIError) -> str:
    """Return why the database refused a row, without its values."""
    return _QUOTED_VALUE.sub(r"a value for \1", str((error.orig or error).args[-1]))


def _lacks_migration(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    return getattr(getattr(error, "orig", None), "args", ())[:1] == (NO_SUCH_TABLE,)
