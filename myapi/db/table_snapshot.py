"""A database read page by page, in values that compare equal whichever database they are from.

It is for the whole of a database, also for tables and columns that no model has any more. So
the tables are asked of the database itself; the models only say what a column means.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    Row,
    Select,
    Table,
    and_,
    event,
    func,
    inspect,
    or_,
    select,
    tuple_,
)

from myapi.extensions import Base

BATCH = 500  # rows held in memory, and written in one transaction
VERSION = "alembic_version"

Key: TypeAlias = tuple[Any, ...]
Page: TypeAlias = dict[Key, Mapping[str, Any]]


class Shape(NamedTuple):
    """What a table is on both sides; its columns may stand in another order on the other one."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


class Tally(NamedTuple):
    """How many rows a table has, and a digest of them that does not depend on their order."""

    rows: int
    digest: str


class Database:
    """One database, over one connection in autocommit."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.connection: Connection = engine.connect()
        self.tables: dict[str, Table] = {}

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()

    @property
    def mysql(self) -> bool:
        return self.engine.dialect.name == "mysql"

    def names(self) -> set[str]:
        return set(inspect(self.connection).get_table_names())

    def say(self, statement: str) -> None:
        self.connection.exec_driver_sql(statement)

    def reflect(self) -> list[Shape]:
        """Look what tables there are, what others refer to first."""
        metadata = MetaData()
        event.listen(metadata, "column_reflect", _mean_as_the_model_does)
        metadata.reflect(self.connection)
        self.tables = {table.name: table for table in metadata.sorted_tables}
        return [_shape(table) for table in self.tables.values() if table.name != VERSION]

    @contextmanager
    def moment(self) -> Iterator[None]:
        """See the database in the block as it is now, whatever is written meanwhile."""
        if self.mysql:
            self.say("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self.say("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        else:
            self.say("BEGIN")
        try:
            yield
        finally:
            self.say("ROLLBACK")

    def count(self, shape: Shape) -> int:
        table = self.tables[shape.name]
        return int(self.connection.execute(select(func.count()).select_from(table)).scalar_one())

    def pages(self, shape: Shape) -> Iterator[Page]:
        """Read a table by its key, which no deletion or insertion beside it can upset."""
        statement = self._select(shape).order_by(*self.key(shape)).limit(BATCH)
        page = self._read(shape, statement)
        while page:
            yield page
            after = _after(self.key(shape), next(reversed(page)))
            page = self._read(shape, statement.where(after))

    def find(self, shape: Shape, keys: Collection[Key]) -> Page:
        """Read the rows that have these keys."""
        return self._read(shape, self._select(shape).where(self.among(shape, keys)))

    def among(self, shape: Shape, keys: Collection[Key]) -> ColumnElement[bool]:
        columns = self.key(shape)
        if len(columns) == 1:
            return columns[0].in_([key[0] for key in keys])
        return tuple_(*columns).in_(list(keys))

    def key(self, shape: Shape) -> list[Column[Any]]:
        return [self.tables[shape.name].columns[name] for name in shape.key]

    def tally(self, shape: Shape) -> Iterator[Tally]:
        """Sum up the table, after each page; the last one is of all of it."""
        rows = total = 0
        yield Tally(rows, _digest(total))
        for page in self.pages(shape):
            rows += len(page)
            total += sum(_number(row) for row in page.values())
            yield Tally(rows, _digest(total))

    def _select(self, shape: Shape) -> Select[Any]:
        return select(*(self.tables[shape.name].columns[name] for name in shape.columns))

    def _read(self, shape: Shape, statement: Select[Any]) -> Page:
        rows: Sequence[Row[Any]] = self.connection.execute(statement).all()
        found = (dict(zip(shape.columns, row, strict=True)) for row in rows)
        return {tuple(row[name] for name in shape.key): row for row in found}


def plain(value: object) -> object:
    """Bring a value into the one form that it has on every database."""
    if isinstance(value, bool | Decimal):  # MySQL has 1 for true, and 1.50 for 1.5
        return str(Decimal(value).normalize())
    if isinstance(value, datetime):
        naive = value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
        return naive.isoformat(timespec="microseconds")
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return str(value) if isinstance(value, int) else value


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name the columns in which two rows differ."""
    return [name for name in one if plain(one[name]) != plain(other[name])]


def _mean_as_the_model_does(_inspector: object, table: Table, column: Any) -> None:  # noqa: ANN401
    model = Base.metadata.tables.get(table.name)
    if model is not None and column["name"] in model.columns:
        column["type"] = model.columns[column["name"]].type.copy()


def _shape(table: Table) -> Shape:
    key = tuple(column.name for column in table.primary_key)
    return Shape(table.name, tuple(column.name for column in table.columns), key)


def _after(columns: Sequence[Column[Any]], key: Key) -> ColumnElement[bool]:
    """Write `key < columns` out: a comparison of tuples keeps MySQL from using the index."""
    return or_(
        *(
            and_(*(columns[i] == key[i] for i in range(place)), columns[place] > key[place])
            for place in range(len(columns))
        )
    )


def _number(row: Mapping[str, Any]) -> int:
    text = repr([plain(value) for value in row.values()])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")


def _digest(total: int) -> str:
    return f"{total % 2**256:064x}"
