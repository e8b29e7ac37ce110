"""One of the two databases of a copy: its tables, read in batches.

The tables are reflected from the database itself, so tables and columns that no model has any
more are copied too. The models only decide the types of the columns that they know.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
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
from sqlalchemy.dialects import mysql

from myapi.db import schema_version
from myapi.db.copy.values import row_hash
from myapi.db.schema_version import VERSION_TABLE
from myapi.extensions import Base

BATCH_SIZE = 500  # rows held in memory, and written in one transaction
LARGE_BATCH_SIZE = 20  # the same, of a table that holds files, such as pictures
LARGE = (LargeBinary, mysql.MEDIUMBLOB, mysql.LONGBLOB)

Key: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = dict[Key, Mapping[str, Any]]  # by primary key


class TableSchema(NamedTuple):
    """What a table has in both databases; the column order of the target may differ."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


class Checksum(NamedTuple):
    """The number of rows of a table, and a digest of them that does not depend on their order."""

    rows: int
    digest: str


class ReflectedDatabase:
    """A database over one connection in autocommit. Call `reflect` before reading tables."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.connection: Connection = engine.connect()
        self.tables: dict[str, Table] = {}

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()

    @property
    def is_mysql(self) -> bool:
        return self.engine.dialect.name == "mysql"

    def execute(self, statement: str) -> None:
        self.connection.exec_driver_sql(statement)

    def table_names(self) -> set[str]:
        return set(inspect(self.connection).get_table_names())

    def revisions(self) -> set[str]:
        """Return the rows of `alembic_version`, or none where that table does not exist."""
        if VERSION_TABLE not in self.table_names():
            return set()
        return schema_version.applied(self.connection)

    def reflect(self) -> list[TableSchema]:
        """Return all tables except `alembic_version`, referenced tables first."""
        metadata = MetaData()
        event.listen(metadata, "column_reflect", _use_model_type)
        metadata.reflect(self.connection)
        self.tables = {table.name: table for table in metadata.sorted_tables}
        return [_schema_of(each) for each in self.tables.values() if each.name != VERSION_TABLE]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read everything inside the block from one consistent snapshot."""
        if self.is_mysql:
            self.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        else:
            self.execute("BEGIN")
        try:
            yield
        finally:
            self.execute("ROLLBACK")

    def count(self, schema: TableSchema) -> int:
        table = self.tables[schema.name]
        return int(self.connection.execute(select(func.count()).select_from(table)).scalar_one())

    def batches(self, schema: TableSchema) -> Iterator[Rows]:
        """Read the table in order of its primary key (keyset pagination).

        Rows that are inserted or deleted meanwhile make no other row be skipped or read twice.
        """
        large = any(_is_large(column) for column in self.tables[schema.name].columns)
        size = min(BATCH_SIZE, LARGE_BATCH_SIZE) if large else BATCH_SIZE
        statement = self._select(schema).order_by(*self._key_columns(schema)).limit(size)
        rows = self._read(schema, statement)
        while rows:
            yield rows
            after = _key_greater_than(self._key_columns(schema), next(reversed(rows)))
            rows = self._read(schema, statement.where(after))

    def rows_with(self, schema: TableSchema, keys: Collection[Key]) -> Rows:
        return self._read(schema, self._select(schema).where(self.has_key(schema, keys)))

    def has_key(self, schema: TableSchema, keys: Collection[Key]) -> ColumnElement[bool]:
        """Return the condition that a row's primary key is one of `keys`."""
        columns = self._key_columns(schema)
        if len(columns) == 1:
            return columns[0].in_([key[0] for key in keys])
        return tuple_(*columns).in_(list(keys))

    def checksum(self, schema: TableSchema, report: Callable[[int], None]) -> Checksum:
        """Read the whole table; call `report` with the number of rows read after each batch."""
        rows = total = 0
        for batch in self.batches(schema):
            rows += len(batch)
            total += sum(row_hash(row) for row in batch.values())
            report(rows)
        return Checksum(rows, f"{total % 2**256:064x}")

    def _select(self, schema: TableSchema) -> Select[Any]:
        return select(*(self.tables[schema.name].columns[name] for name in schema.columns))

    def _key_columns(self, schema: TableSchema) -> list[Column[Any]]:
        return [self.tables[schema.name].columns[name] for name in schema.key]

    def _read(self, schema: TableSchema, statement: Select[Any]) -> Rows:
        found: Sequence[Row[Any]] = self.connection.execute(statement).all()
        rows = (dict(zip(schema.columns, row, strict=True)) for row in found)
        return {tuple(row[name] for name in schema.key): row for row in rows}


def _use_model_type(_inspector: object, table: Table, column: Any) -> None:  # noqa: ANN401
    model = Base.metadata.tables.get(table.name)
    if model is not None and column["name"] in model.columns:
        column["type"] = model.columns[column["name"]].type.copy()


def _is_large(column: Column[Any]) -> bool:
    return isinstance(column.type, LARGE) and getattr(column.type, "length", None) is None


def _schema_of(table: Table) -> TableSchema:
    key = tuple(column.name for column in table.primary_key)
    return TableSchema(table.name, tuple(column.name for column in table.columns), key)


def _key_greater_than(columns: Sequence[Column[Any]], key: Key) -> ColumnElement[bool]:
    """Return `columns > key` without a tuple comparison, for which MySQL uses no index."""
    return or_(
        *(
            and_(*(columns[i] == key[i] for i in range(place)), columns[place] > key[place])
            for place in range(len(columns))
        )
    )
