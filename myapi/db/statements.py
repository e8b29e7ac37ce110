"""The statements of a login, prepared once: what `prepared` does, within a write transaction."""

from typing import Any, NamedTuple

from sqlalchemy import Insert, Select, Update

from myapi.db.forms import Form, Values
from myapi.db.transactions import Transaction


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
        self._forms: dict[str, Form] = {}  # by dialect

    def all(self, tx: Transaction, values: Values) -> list[list[Any]]:
        """Return every row."""
        form = self._form(tx, values)
        cursor = _execute(tx, form, values)
        rows = [form.read(row) for row in cursor.fetchall()]
        cursor.close()
        return rows

    def first(self, tx: Transaction, values: Values) -> list[Any] | None:
        """Return the first row, or None; there is one at most."""
        rows = self.all(tx, values)
        return rows[0] if rows else None

    def change(self, tx: Transaction, values: Values) -> Done:
        """Insert or update."""
        cursor = _execute(tx, self._form(tx, values), values)
        done = Done(cursor.rowcount, cursor.lastrowid)
        cursor.close()
        return done

    def _form(self, tx: Transaction, values: Values) -> Form:
        form = self._forms.get(tx.dialect.name)
        if form is None:
            # A statement that reads knows its names; one that changes takes the columns from them.
            keys = None if isinstance(self._statement, Select) else list(values)
            form = self._forms[tx.dialect.name] = Form.of(self._statement, tx.dialect, keys)
        return form


def _execute(tx: Transaction, form: Form, values: Values) -> Any:  # noqa: ANN401 (a cursor)
    written = form.write(values)
    cursor = None
    try:
        cursor = tx.connection.cursor()
        cursor.execute(form.sql, written)
    except tx.dialect.loaded_dbapi.Error as error:
        tx._handle_dbapi_exception(error, form.sql, None, cursor, None)
    return cursor
