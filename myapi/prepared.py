"""A statement that runs with every call, prepared once."""

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy.exc
from sqlalchemy import BindParameter, Dialect, Engine, Select

from myapi.database import pulse
from myapi.engines import READER
from myapi.extensions import db
from myapi.models import UtcDateTime


class Prepared:
    """A Core statement compiled once and run on the driver itself.

    For what runs with every call: executing it the common way costs twice the CPU. Values go in
    and come out through the types of the statement, as always.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}  # by dialect

    def first(self, values: dict[str, Any]) -> list[Any] | None:
        """Return the first row, or None. Raises SQLAlchemy's errors for those of the driver."""
        engine = db.engines[READER]
        form = self._forms.get(engine.name) or self._compile(engine)
        with pulse(READER):
            row = _first(engine, form.sql, form.write(values))
        return None if row is None else form.read(row)

    def _compile(self, engine: Engine) -> "_Form":
        dialect = engine.dialect
        compiled = self._statement.compile(dialect=dialect)
        names = compiled.positiontup or list(compiled.binds)
        form = self._forms[engine.name] = _Form(
            str(compiled),
            positional=bool(compiled.positional),
            binds=[(name, _bound(compiled.binds[name], dialect)) for name in names],
            loads=[
                (place, load)
                for place, column in enumerate(self._statement.selected_columns)
                if (load := column.type.dialect_impl(dialect).result_processor(dialect, None))
            ],
        )
        return form


@dataclass(frozen=True)
class _Form:
    """A statement as one database takes it."""

    sql: str
    positional: bool
    binds: list[tuple[str, Callable[[dict[str, Any]], Any]]]
    loads: list[tuple[int, Callable[[Any], Any]]]

    def write(self, values: dict[str, Any]) -> list[Any] | dict[str, Any]:
        if self.positional:
            return [bind(values) for _, bind in self.binds]
        return {name: bind(values) for name, bind in self.binds}

    def read(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, load in self.loads:
            values[place] = load(values[place])
        return values


def _first(engine: Engine, sql: str, values: list[Any] | dict[str, Any]) -> Any:  # noqa: ANN401
    pooled = None
    try:
        pooled = engine.raw_connection()
        cursor = pooled.cursor()
        cursor.execute(sql, values)
        row = cursor.fetchone()
        cursor.close()
    except engine.dialect.loaded_dbapi.Error as error:
        if pooled is not None:
            engine.pool._invalidate(pooled, error)  # and all others opened before now
        raise _as_sqlalchemy_has_it(error, sql, engine) from error
    pooled.close()
    return row


def _as_sqlalchemy_has_it(error: Exception, sql: str, engine: Engine) -> BaseException:
    base = engine.dialect.loaded_dbapi.Error
    return sqlalchemy.exc.DBAPIError.instance(
        sql, None, error, base, hide_parameters=True, dialect=engine.dialect
    )


def _bound(bind: BindParameter[Any], dialect: Dialect) -> Callable[[dict[str, Any]], Any]:
    """Return what picks the value of one place out of those given, and writes it for the driver."""
    write: Callable[[Any], Any] | None = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if not bind.required:
        constant = write(bind.value) if write else bind.value
        return lambda values: constant
    if write is None:
        return operator.itemgetter(bind.key)
    if isinstance(bind.type, UtcDateTime):
        write = _once_for_many(write)
    return lambda values: write(values[bind.key])


def _once_for_many(write: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Remember moments as text: many calls ask for the same, in whole seconds.

    SQLite gets text in any case; PyMySQL would make the same out of a datetime, each time anew.
    """
    return functools.lru_cache(maxsize=16)(lambda moment: str(write(moment)))
