"""Copy a database: check both, prepare the target, synchronize the rows, verify them.

Each run makes the target equal to the source, whatever an earlier run has left. A copy that was
interrupted is simply run again.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from flask import current_app
from sqlalchemy.engine import URL, make_url

from myapi.db import engines, schema_version
from myapi.db.copy import sync, target, verification
from myapi.db.copy.database import Checksum, ReflectedDatabase, TableSchema
from myapi.db.copy.errors import CopyError, RefusedError
from myapi.db.copy.sync import Report
from myapi.db.copy.target import listed
from myapi.language import localized

# Times in UTC; an id of 0 stays 0; a value that does not fit is refused and not truncated.
MYSQL_SESSION = (
    "SET SESSION time_zone = '+00:00',"
    " sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'"
)


def copy_database(source_url: str, target_url: str, report: Report) -> dict[str, Checksum]:
    """Make the target equal to the source; return the checksum of each table.

    `report` gets lines of progress. Raises `CopyError` if the databases differ at the end, and
    `RefusedError` if one of them cannot be used.
    """
    with _open(source_url, "database") as source, _open(target_url, "target") as to:
        if _identity(source) == _identity(to):
            raise RefusedError(
                localized("the target is the database itself", "目标就是当前数据库本身")
            )
        schemas = _schemas(source)
        may_write = target.prepare(to, _name(source.engine.url), schemas)
        _check_columns(schemas, to.reflect())
        if not may_write:
            return _verify_only(source, to, schemas, report)
        sync.synchronize(source, to, schemas, report)
        checksums = _verify(source, to, schemas, report)
        target.finish(to)
        return checksums


@contextmanager
def _open(url: str, what: str) -> Iterator[ReflectedDatabase]:
    try:
        database = ReflectedDatabase(engines.separate_engine(_absolute(make_url(url))))
        if database.is_mysql:
            database.execute(MYSQL_SESSION)
    except (sqlalchemy.exc.SQLAlchemyError, OSError, TypeError, ValueError) as error:
        cause = getattr(error, "orig", None) or error
        reason = (cause.args or ("",))[-1]
        chinese = {"database": "数据库", "target": "目标数据库"}[what]
        raise CopyError(
            localized(f"the {what} cannot be opened: {reason}", f"无法打开{chinese}：{reason}")
        ) from None
    with closing(database):
        yield database


def _absolute(url: URL) -> str:
    """Resolve a relative SQLite path against the instance folder, as the settings do."""
    if url.get_backend_name() == "sqlite" and not str(url.database).startswith("file:"):
        url = url.set(database=str(Path(current_app.instance_path) / str(url.database)))
    return url.render_as_string(hide_password=False)


def _identity(database: ReflectedDatabase) -> tuple[Any, ...]:
    """Return what is the same for all URLs that lead to this database."""
    if database.is_mysql:
        found = database.connection.exec_driver_sql("SELECT @@hostname, @@port, DATABASE()")
        return tuple(found.one())
    file = database.connection.exec_driver_sql("PRAGMA database_list").one()[2]
    status = os.stat(file)  # noqa: PTH116
    return status.st_dev, status.st_ino


def _name(url: URL) -> str:
    """Name the source in the target's marker, without user and password."""
    plain = URL.create(url.get_backend_name(), None, None, url.host, url.port, url.database)
    here = socket.gethostname() if plain.host is None else ""
    return f"{plain.render_as_string()} {here}".strip()[:512]


def _schemas(source: ReflectedDatabase) -> list[TableSchema]:
    found = source.revisions()
    if schema_version.state_of(found) != "current":
        raise RefusedError(
            localized(
                f"the database is at revision {listed(found)}, and this code at"
                f" {listed(schema_version.heads())}:"
                " run `flask db upgrade`, or use the release that the database belongs to",
                f"数据库的版本是 {listed(found)}，当前代码是 {listed(schema_version.heads())}："
                "请运行 `flask db upgrade`，或使用与数据库对应的版本",
            )
        )
    schemas = source.reflect()
    without_key = [schema.name for schema in schemas if not schema.key]
    if without_key:
        raise RefusedError(
            localized(
                f"cannot copy a table without a primary key: {', '.join(without_key)}",
                f"无法复制没有主键的表：{', '.join(without_key)}",
            )
        )
    return schemas


def _check_columns(expected: list[TableSchema], found: list[TableSchema]) -> None:
    columns = {schema.name: set(schema.columns) for schema in found}
    for schema in expected:
        if columns.get(schema.name) != set(schema.columns):
            raise RefusedError(
                localized(
                    f"{schema.name}: the target lacks the table, or has other columns",
                    f"{schema.name}：目标数据库缺少此表，或列不同",
                )
            )


def _verify_only(
    source: ReflectedDatabase, to: ReflectedDatabase, schemas: list[TableSchema], report: Report
) -> dict[str, Checksum]:
    """Accept a target that already holds the same rows; refuse any other without changing it."""
    try:
        return verification.verify(source, to, schemas, report)
    except CopyError as difference:
        raise RefusedError(
            localized(
                "the target holds rows that are not from an unfinished copy of this database;"
                f" nothing was changed ({difference})",
                f"目标数据库中有并非来自本数据库未完成复制的行；未作改动（{difference}）",
            )
        ) from None


def _verify(
    source: ReflectedDatabase, to: ReflectedDatabase, schemas: list[TableSchema], report: Report
) -> dict[str, Checksum]:
    try:
        return verification.verify(source, to, schemas, report)
    except CopyError as difference:
        raise CopyError(
            localized(
                f"{difference}. If anything writes to either database, stop it;"
                " then run this command again",
                f"{difference}。如果有程序在写其中任一数据库，请先停掉它，再运行一次本命令",
            )
        ) from None
