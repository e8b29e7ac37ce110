"""The doctor's checks of the database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from sqlalchemy import text

from doctor import Check, Finding, Target, Text, check, fail, ok, printable, skip, untranslated
from myapi.cli.settings_checks import usable_settings
from myapi.db import schema_version
from myapi.db.engines import POOL
from myapi.db.transactions import reading
from myapi.extensions import db, settings
from myapi.observability.logs import mask


def database_exists(_target: Target) -> Text | None:
    """SQLite's file may be missing or empty: a starting app creates an empty one."""
    file = next(iter(database_files()), None)
    if file is None or (file.exists() and file.stat().st_size > 0):
        return None
    return Text("there is no database yet", "数据库还不存在")


@check(
    "failing",
    fault=Text("the database is not ready", "数据库没有就绪"),
    needs=(usable_settings,),
    fix=Text(
        "check that the database runs and MYAPI_DATABASE_URL is right; `flask db upgrade` migrates"
        " it to the version that this code needs",
        "确认数据库在运行、MYAPI_DATABASE_URL 正确；`flask db upgrade` 把它升级到代码需要的版本",
    ),
)
def database(target: Target) -> Finding:
    """Whether the database answers and is migrated."""
    missing = database_exists(target)
    if missing:
        return fail(missing)
    try:
        ready = schema_version.is_ready()
    except sqlalchemy.exc.SQLAlchemyError as error:
        return fail(untranslated(_driver_message(error)))
    if not ready:
        return fail(Text("`flask db upgrade` has not been run", "尚未执行 `flask db upgrade`"))
    return ok(Text(f"{db.engine.name} answers and is migrated", f"{db.engine.name} 可用，已迁移"))


@check(
    "failing",
    "unseen",
    fault=Text("the database's settings are not safe", "数据库的配置不安全"),
    stops="nothing",
    needs=(usable_settings, database_exists),
    fix=Text(
        "SQLite: keep the file on a local disk and start the app once, which sets WAL; MySQL:"
        " innodb_flush_log_at_trx_commit = 1 and wait_timeout above 1800",
        "SQLite：放在本地磁盘并启动一次应用，它会自行设为 WAL；MySQL："
        "innodb_flush_log_at_trx_commit = 1，wait_timeout 大于 1800",
    ),
)
def database_settings(target: Target) -> Finding:
    """Whether commits are durable and readers and writers do not block each other."""
    wanted = SQLITE_SETTINGS if db.engine.name == "sqlite" else MYSQL_SETTINGS
    try:
        with reading() as connection:
            values = {
                name: connection.execute(text(sql)).scalar() for name, (sql, _) in wanted.items()
            }
    except sqlalchemy.exc.SQLAlchemyError as error:
        return skip(untranslated(_driver_message(error)))
    listed = ", ".join(f"{name} = {value}" for name, value in values.items())
    all_right = all(is_right(values[name]) for name, (_, is_right) in wanted.items())
    return Finding("ok" if all_right else "warn", untranslated(listed))


#: Name → the query, and whether its value is right.
SQLITE_SETTINGS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "journal_mode": ("PRAGMA journal_mode", lambda value: value == "wal"),
    "synchronous": ("PRAGMA synchronous", lambda value: value == 2),
    "foreign_keys": ("PRAGMA foreign_keys", lambda value: value == 1),
}
MYSQL_SETTINGS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "innodb_flush_log_at_trx_commit": (
        "SELECT @@innodb_flush_log_at_trx_commit",
        lambda value: int(value) == 1,
    ),
    "wait_timeout": ("SELECT @@global.wait_timeout", lambda value: int(value) > 1800),
}


@check(
    "failing",
    fault=Text("MySQL allows too few connections", "MySQL 允许的连接太少"),
    stops="nothing",
    needs=(usable_settings,),
    fix=Text(
        "raise max_connections in MySQL, or lower MYAPI_WORKERS; add up all app hosts",
        "调高 MySQL 的 max_connections，或调低 MYAPI_WORKERS；多台应用服务器要合计",
    ),
)
def pool(target: Target) -> Finding:
    """Whether MySQL allows as many connections as the app may open."""
    if db.engine.name == "sqlite":
        return ok(Text("SQLite has no such limit", "SQLite 没有这个限制"))
    try:
        with reading() as connection:
            allowed = int(connection.execute(text("SELECT @@max_connections")).scalar() or 0)
    except sqlalchemy.exc.SQLAlchemyError as error:
        return skip(untranslated(_driver_message(error)))
    needed = settings().workers * len(db.engines) * POOL
    evidence = Text(
        f"this host opens up to {needed}, MySQL allows {allowed}",
        f"本机最多打开 {needed} 个连接，MySQL 允许 {allowed} 个",
    )
    return Finding("ok" if needed < allowed else "fail", evidence)


DATABASE_CHECKS: list[Check] = [database, database_settings, pool]


def database_files() -> list[Path]:
    if db.engine.name != "sqlite":
        return []
    return [Path(f"{db.engine.url.database}{suffix}") for suffix in ("", "-wal", "-shm")]


def _driver_message(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return mask(printable(str(cause.args[-1] if cause.args else type(cause).__name__)))
