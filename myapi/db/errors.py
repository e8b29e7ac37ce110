"""Whether the database failed, or what was asked of it was wrong."""

import sqlalchemy.exc

NO_SUCH_TABLE = 1146  # MySQL; SQLite raises an OperationalError for it anyway

_OUR_FAULTS = (
    sqlalchemy.exc.IntegrityError,
    sqlalchemy.exc.DataError,
    sqlalchemy.exc.ProgrammingError,
    sqlalchemy.exc.NotSupportedError,
)


def is_outage(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """Whether the database is away, locked, full or read-only, or lacks a migration."""
    if isinstance(error, sqlalchemy.exc.TimeoutError) or _lacks_migration(error):
        return True
    return isinstance(error, sqlalchemy.exc.DBAPIError) and not isinstance(error, _OUR_FAULTS)


def _lacks_migration(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    return getattr(getattr(error, "orig", None), "args", ())[:1] == (NO_SUCH_TABLE,)
