"""A Core statement as one database's driver takes it, compiled once."""

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, Dialect, Insert, Select, Update

from myapi.db.types import UtcDateTime

Values: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """Values go in and come out through the types of the statement, as when SQLAlchemy runs it."""

    sql: str
    positional: bool
    binds: list[tuple[str, Callable[[Values], Any]]]
    loads: list[tuple[int, Callable[[Any], Any]]]

    @classmethod
    def of(
        cls,
        statement: Select[Any] | Insert | Update,
        dialect: Dialect,
        columns: Sequence[str] | None = None,
    ) -> "Form":
        """Compile; `columns` are those that are inserted or set."""
        compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
        names = compiled.positiontup or list(compiled.binds)
        selected = getattr(statement, "selected_columns", ())
        return cls(
            str(compiled),
            positional=bool(compiled.positional),
            binds=[(name, _bound(compiled.binds[name], dialect)) for name in names],
            loads=[
                (place, load)
                for place, column in enumerate(selected)
                if (load := column.type.dialect_impl(dialect).result_processor(dialect, None))
            ],
        )

    def write(self, values: Values) -> list[Any] | Values:
        if self.positional:
            return [bind(values) for _, bind in self.binds]
        return {name: bind(values) for name, bind in self.binds}

    def read(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, load in self.loads:
            values[place] = load(values[place])
        return values


def _bound(bind: BindParameter[Any], dialect: Dialect) -> Callable[[Values], Any]:
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
