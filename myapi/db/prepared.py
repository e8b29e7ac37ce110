"""A statement that runs with every call, prepared once."""

import math
import time
from typing import Any

import sqlalchemy.exc
from sqlalchemy import Engine, Select

from myapi import waits
from myapi.db.engines import READER
from myapi.db.forms import Form, Values
from myapi.db.transactions import pulse
from myapi.extensions import db

FAR = 0.0005  # s that the quickest of `SOME` answers takes, from where on others go on meanwhile
SOME = 64  # of which one is not held up by a busy machine


class Prepared:
    """A Core statement compiled once and run on the driver itself.

    For what runs with every call: executing it the common way costs twice the CPU. Values go in
    and come out through the types of the statement, as always.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._forms: dict[str, Form] = {}  # by dialect
        self._pace = Pace()

    def first(self, values: Values) -> list[Any] | None:
        """Return the first row, or None. Raises SQLAlchemy's errors for those of the driver."""
        engine = db.engines[READER]
        form = self._forms.get(engine.name) or self._compile(engine)
        is_far = self._pace.is_far
        if is_far:
            waits.pass_on()
        started = time.perf_counter()
        try:
            with pulse(READER):
                row = _first(engine, form.sql, form.write(values))
        finally:
            self._pace.note(time.perf_counter() - started)
            if is_far:
                waits.come_back()
        return None if row is None else form.read(row)

    def _compile(self, engine: Engine) -> Form:
        form = self._forms[engine.name] = Form.of(self._statement, engine.dialect)
        return form


class Pace:
    """Whether the database is so far away that others had better go on while it answers.

    To pass the turn on costs more than to wait for one on this machine.
    """

    is_far = False
    _noted = 0
    _least = math.inf

    def note(self, seconds: float) -> None:
        self._least = min(self._least, seconds)
        self._noted += 1
        if self._noted == SOME:
            self.is_far = self._least > FAR
            self._noted, self._least = 0, math.inf


def _first(engine: Engine, sql: str, values: list[Any] | Values) -> Any:  # noqa: ANN401
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
