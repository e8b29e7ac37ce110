"""Compare all rows of the source and the target."""

from collections.abc import Iterator

from myapi.db.copy.database import Checksum, ReflectedDatabase, TableSchema
from myapi.db.copy.errors import CopyError
from myapi.db.copy.sync import Report, describe_row
from myapi.db.copy.values import differing_columns
from myapi.language import localized


def verify(
    source: ReflectedDatabase,
    target: ReflectedDatabase,
    schemas: list[TableSchema],
    report: Report,
) -> dict[str, Checksum]:
    """Return the checksum of each table, or raise `CopyError` for the first difference.

    Both are read as they are now, so rows written during the copy are found as well.
    """
    with source.snapshot(), target.snapshot():
        checksums = {}
        for schema in schemas:
            checksums[schema.name] = _checksum(source, schema, "database", report)
            if _checksum(target, schema, "target", report) != checksums[schema.name]:
                difference = next(
                    _differences(source, target, schema),
                    localized("the digests differ", "摘要不同"),
                )
                raise CopyError(f"{schema.name}: {difference}")
    return checksums


def _checksum(
    database: ReflectedDatabase, schema: TableSchema, which: str, report: Report
) -> Checksum:
    def report_rows(rows: int) -> None:
        report(
            localized(
                f"{schema.name}: {rows} rows of the {which} compared",
                f"{schema.name}：已比对 {rows} 行",
            )
        )

    return database.checksum(schema, report_rows)


def _differences(
    source: ReflectedDatabase, target: ReflectedDatabase, schema: TableSchema
) -> Iterator[str]:
    for batch in source.batches(schema):
        in_target = target.rows_with(schema, batch.keys())
        for key, row in batch.items():
            if key not in in_target:
                yield localized(
                    f"the target lacks the row {describe_row(schema, key)}",
                    f"目标数据库缺少行 {describe_row(schema, key)}",
                )
            elif columns := differing_columns(row, in_target[key]):
                names = ", ".join(columns)
                yield localized(
                    f"the row {describe_row(schema, key)} differs in {names}",
                    f"行 {describe_row(schema, key)} 的 {names} 不同",
                )
    for batch in target.batches(schema):
        in_source = source.rows_with(schema, batch.keys())
        for key in batch:
            if key not in in_source:
                yield localized(
                    f"only the target has the row {describe_row(schema, key)}",
                    f"只有目标数据库有行 {describe_row(schema, key)}",
                )
