"""Make the target's rows equal to the source's: delete wrong rows, then insert missing ones."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy.exc
from sqlalchemy import delete, insert

from myapi.db.copy.database import Key, ReflectedDatabase, Rows, TableSchema
from myapi.db.copy.errors import CopyError
from myapi.db.copy.values import differing_columns
from myapi.db.errors import refusal
from myapi.language import localized

Report = Callable[[str], None]  # takes a line of progress


def synchronize(
    source: ReflectedDatabase,
    target: ReflectedDatabase,
    schemas: list[TableSchema],
    report: Report,
) -> None:
    with source.snapshot():
        with _foreign_keys_off(target):
            for schema in reversed(schemas):
                _delete_wrong_rows(source, target, schema, report)
        for schema in schemas:
            _insert_missing_rows(source, target, schema, report)


def describe_row(schema: TableSchema, key: Key) -> str:
    """Name a row by its primary key, such as `id = 12`."""
    values = (value.hex() if isinstance(value, bytes) else str(value) for value in key)
    return ", ".join(f"{name} = {value}" for name, value in zip(schema.key, values, strict=True))


@contextmanager
def _foreign_keys_off(target: ReflectedDatabase) -> Iterator[None]:
    """Allow a row to be deleted while other rows refer to it.

    Those rows are deleted too, or the row is inserted again. The inserts run with the checks on.
    """
    setting = "SET SESSION foreign_key_checks =" if target.is_mysql else "PRAGMA foreign_keys ="
    target.execute(f"{setting} OFF")
    try:
        yield
    finally:
        target.execute(f"{setting} ON")


def _delete_wrong_rows(
    source: ReflectedDatabase, target: ReflectedDatabase, schema: TableSchema, report: Report
) -> None:
    """Delete the target's rows that the source does not have, or has with other values."""
    checked = 0
    for batch in target.batches(schema):
        wanted = source.rows_with(schema, batch.keys())
        wrong = [
            key
            for key, row in batch.items()
            if key not in wanted or differing_columns(wanted[key], row)
        ]
        if wrong:
            table = target.tables[schema.name]
            target.connection.execute(delete(table).where(target.has_key(schema, wrong)))
        checked += len(batch)
        report(
            localized(
                f"{schema.name}: {checked} rows of the target checked",
                f"{schema.name}：已检查目标数据库 {checked} 行",
            )
        )


def _insert_missing_rows(
    source: ReflectedDatabase, target: ReflectedDatabase, schema: TableSchema, report: Report
) -> None:
    total, done = source.count(schema), 0
    target_was_empty = target.count(schema) == 0
    for batch in source.batches(schema):
        present: Rows = {} if target_was_empty else target.rows_with(schema, batch.keys())
        _insert(target, schema, {key: row for key, row in batch.items() if key not in present})
        done += len(batch)
        report(
            localized(
                f"{schema.name}: {done} of {total} rows copied",
                f"{schema.name}：已复制 {done} / {total} 行",
            )
        )


def _insert(target: ReflectedDatabase, schema: TableSchema, rows: Rows) -> None:
    """Insert rows in one transaction; if the target refuses them, find the row and name it."""
    if not rows:
        return
    try:
        _insert_in_transaction(target, schema, list(rows.values()))
    except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.DataError) as error:
        if len(rows) == 1:
            (key,) = rows
            raise CopyError(
                localized(
                    f"{schema.name}: the target refuses the row {describe_row(schema, key)}:"
                    f" {refusal(error)}",
                    f"{schema.name}：目标数据库拒绝了行 {describe_row(schema, key)}："
                    f"{refusal(error)}",
                )
            ) from None
        for key, row in rows.items():
            _insert(target, schema, {key: row})


def _insert_in_transaction(
    target: ReflectedDatabase, schema: TableSchema, rows: Sequence[Any]
) -> None:
    target.execute("BEGIN")
    try:  # PyMySQL splits the rows into statements below 1 MB
        target.connection.execute(insert(target.tables[schema.name]), rows)
        target.execute("COMMIT")
    except sqlalchemy.exc.SQLAlchemyError:
        if not target.connection.invalidated:
            target.execute("ROLLBACK")
        raise
