"""The query that runs with every authenticated request, on the driver's own connection.

SQLAlchemy compiles the statement, once. Executing it the common way would make a whole `/api/me`
take 1.7 times the CPU (docs/decisions/0016-speed.md).
"""

import functools
from datetime import datetime, timezone
from typing import Any

import sqlalchemy.exc
from sqlalchemy import Dialect, Engine, Select

from myapi.db.engines import READER, database_wait
from myapi.db.types import UtcDateTime
from myapi.extensions import db

NAMED = {"sqlite": "named", "mysql": "pyformat"}  # how a driver takes parameters by name


class HotQuery:
    """A SELECT that returns one row at most. Errors are SQLAlchemy's, as everywhere."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._sql: dict[str, str] = {}  # by dialect
        self._times = [
            position
            for position, column in enumerate(statement.selected_columns)
            if isinstance(column.type, UtcDateTime)
        ]

    def first(self, values: dict[str, Any]) -> list[Any] | None:
        """Return the row, or None. Times go in and come out as aware UTC times."""
        engine = db.engines[READER]
        sql = self._sql.get(engine.name) or self._compile(engine.dialect)
        bound = {name: _bind(value) for name, value in values.items()}
        if engine.name == "sqlite":  # it answers before any other request can run
            row = _fetch(engine, sql, bound)
        else:
            with database_wait(READER):
                row = _fetch(engine, sql, bound)
        if row is None:
            return None
        found = list(row)
        for position in self._times:
            found[position] = _utc(found[position])
        return found

    def _compile(self, dialect: Dialect) -> str:
        kind: Any = type(dialect)
        by_name = kind(paramstyle=NAMED[dialect.name])
        sql = self._sql[dialect.name] = str(self._statement.compile(dialect=by_name))
        return sql


def _fetch(engine: Engine, sql: str, values: dict[str, Any]) -> Any:  # noqa: ANN401 (a row)
    try:
        pooled = engine.raw_connection()
        try:
            cursor = pooled.cursor()
            cursor.execute(sql, values)
            row = cursor.fetchone()
            cursor.close()
        except BaseException as error:  # also when it is broken off: see concurrency.bounded
            pooled.invalidate(error)
            raise
    except engine.dialect.loaded_dbapi.Error as error:
        if engine.dialect.is_disconnect(error, None, None):
            engine.dispose(close=False)  # the other connections of the pool are dead as well
        raise _as_sqlalchemy(error) from error
    pooled.close()
    return row


def _as_sqlalchemy(error: Exception) -> sqlalchemy.exc.DBAPIError:
    """Return SQLAlchemy's exception of the same name: PEP 249 has one set of names for all."""
    kind: type[sqlalchemy.exc.DBAPIError] = getattr(
        sqlalchemy.exc, type(error).__name__, sqlalchemy.exc.DBAPIError
    )
    return kind(None, None, error, hide_parameters=True)


def _bind(value: Any) -> Any:  # noqa: ANN401
    return _text(value) if isinstance(value, datetime) else value


@functools.lru_cache(maxsize=16)  # callers give whole seconds, so most requests give the same
def _text(time: datetime) -> str:
    """Write a time as both databases compare it."""
    naive = time.astimezone(timezone.utc).replace(tzinfo=None)
    return naive.isoformat(" ", "microseconds")


def _utc(value: str | datetime | None) -> datetime | None:
    """SQLite returns text, MySQL a naive time."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value and value.replace(tzinfo=timezone.utc)
