"""The statements of a login, prepared once: what `prepared` does, within a write transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import BindParameter, Dialect, Insert, Select, Update

from myapi.database import Transaction

Values: TypeAlias = dict[str, Any]


class Done(NamedTuple):
    """What a change did: to how many rows, and the id of the one that it inserted."""

    rows: int
    id: int


class Statement:
    """A Core statement compiled once and run on the driver's own connection of a transaction.

    Executing it the common way costs five times what SQLite takes for it. Values go in and come
    out through the types of the statement, and each time they have the same names. Errors of the
    driver become SQLAlchemy's, with all that hangs on them (see `engines`).
    """

    def __init__(self, statement: Select[Any] | Insert | Update) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}  # by dialect

    def all(self, tx: Transaction, values: Values) -> list[tuple[Any, ...]]:
        """Return every row."""
        form = self._form(tx, values)
        cursor = _execute(tx, form, values)
        rows = [form.read(row) for row in cursor.fetchall()]
        cursor.close()
        return rows

    def first(self, tx: Transaction, values: Values) -> tuple[Any, ...] | None:
        """Return the first row, or None; there is one at most."""
        rows = self.all(tx, values)
        return rows[0] if rows else None

    def change(self, tx: Transaction, values: Values) -> Done:
        """Insert or update."""
        cursor = _execute(tx, self._form(tx, values), values)
        done = Done(cursor.rowcount, cursor.lastrowid)
        cursor.close()
        return done

    def _form(self, tx: Transaction, values: Values) -> "_Form":
        form = self._forms.get(tx.dialect.name)
        if form is None:
            form = self._forms[tx.dialect.name] = self._compile(tx.dialect, values)
        return form

    def _compile(self, dialect: Dialect, values: Values) -> "_Form":
        # A statement that reads knows its names; one that changes takes the columns from them.
        keys = None if isinstance(self._statement, Select) else list(values)
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=keys)
        names = compiled.positiontup or list(compiled.binds)
        columns = getattr(self._statement, "selected_columns", ())
        return _Form(
            str(compiled),
            positional=compiled.positional,
            binds=[(name, _bound(compiled.binds[name], dialect)) for name in names],
            loads=[
                each.type.dialect_impl(dialect).result_processor(dialect, None) for each in columns
            ],
        )


@dataclass(frozen=True)
class _Form:
    """A statement as one database takes it."""

    sql: str
    positional: bool
    binds: list[tuple[str, Callable[[Values], Any]]]
    loads: list[Callable[[Any], Any] | None]

    def write(self, values: Values) -> list[Any] | Values:
        if self.positional:
            return [bind(values) for _, bind in self.binds]
        return {name: bind(values) for name, bind in self.binds}

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        pairs = zip(row, self.loads, strict=True)
        return tuple(load(value) if load else value for value, load in pairs)


def _execute(tx: Transaction, form: _Form, values: Values) -> Any:  # noqa: ANN401 (a cursor)
    written = form.write(values)
    cursor = None
    try:
        cursor = tx.connection.cursor()
        cursor.execute(form.sql, written)
    except tx.dialect.loaded_dbapi.Error as error:
        tx._handle_dbapi_exception(error, form.sql, None, cursor, None)
    return cursor


def _bound(bind: BindParameter[Any], dialect: Dialect) -> Callable[[Values], Any]:
    """Return what picks the value of one place out of those given, and writes it for the driver."""
    write = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if not bind.required:
        constant = write(bind.value) if write else bind.value
        return lambda _: constant
    if write is None:
        return lambda values: values[bind.key]
    return lambda values: write(values[bind.key])
