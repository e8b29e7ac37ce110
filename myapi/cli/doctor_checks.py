"""The doctor's checks that need the app: its settings and its database."""

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from flask import current_app
from sqlalchemy import text

from doctor import (
    Check,
    Finding,
    Target,
    Text,
    check,
    fail,
    join,
    ok,
    printable,
    skip,
    untranslated,
    warn,
)
from myapi.cli.command import SETTINGS_ERROR
from myapi.db import schema_version
from myapi.db.engines import POOL
from myapi.db.transactions import reading
from myapi.extensions import db, settings
from myapi.observability.logs import mask
from myapi.settings import SettingsError, unknown_variables

SETTINGS_UNUSABLE = Text(
    "the settings cannot be used, see the check settings", "配置不可用，见 settings 检查项"
)

PLACEHOLDER = re.compile(
    r"change.?me|example|placeholder|your.?(app|key|secret)|password|0123456789|x{6}|\.\.\.",
    re.IGNORECASE,
)


def needs_settings(run: Callable[[Target], Finding]) -> Callable[[Target], Finding]:
    """Skip a check if the settings are invalid, which the check `settings` reports."""

    @functools.wraps(run)
    def checked(target: Target) -> Finding:
        return skip(SETTINGS_UNUSABLE) if SETTINGS_ERROR in current_app.extensions else run(target)

    return checked


@check(
    "gateway",
    "failing",
    fix=Text(
        "correct them in .env or the service's environment, and restart: the app does not start"
        " with wrong settings (.env.example explains each)",
        "在 .env 或服务的环境变量中改正后重启：配置有误时应用不会启动（各项说明见 .env.example）",
    ),
)
def settings_(target: Target) -> Finding:
    """Whether the settings can be used, and what they warn about."""
    error: SettingsError | None = current_app.extensions.get(SETTINGS_ERROR)
    if error is not None:
        return fail(untranslated(" | ".join(map(printable, error.problems))))
    warnings = [*settings().warnings(), *unknown_variables()]
    if warnings:
        return warn(untranslated(" | ".join(map(printable, warnings))))
    return ok(untranslated(settings().env))


@check(
    "not_found",
    "login",
    fix=Text(
        "set MYAPI_ENV=production with AppID, AppSecret and keys: development mode answers only"
        " its own machine, and the sandbox lets anyone log in as anyone",
        "设置 MYAPI_ENV=production 以及 AppID、AppSecret 和密钥：开发模式只应答本机，"
        "沙箱则允许任何人以任何身份登录",
    ),
)
@needs_settings
def environment(target: Target) -> Finding:
    """Whether development mode or the sandbox serves a public domain."""
    config = settings()
    mode = untranslated("sandbox" if config.sandbox else config.env)
    if config.production or not target.has_url:
        return ok(mode)
    return fail(join([mode, Text("on a public domain", "却用在公网域名上")]))


@check(
    "unseen",
    "login",
    fix=Text(
        "`flask secrets generate` makes a key, `flask secrets rotate` puts it into"
        " use without logging anyone out; copy AppID and AppSecret from the mini program's console",
        "`flask secrets generate` 生成密钥，`flask secrets rotate` 平滑更换而不让用户掉线；"
        "AppID 和 AppSecret 从小程序后台复制",
    ),
)
@needs_settings
def secrets(target: Target) -> Finding:
    """Whether a secret is weak or copied from an example."""
    config = settings()
    weak = [f"MYAPI_SECRET_KEYS {n}" for n, key in enumerate(config.secret_keys, 1) if _weak(key)]
    if weak:
        return fail(
            Text(
                f"weak, or copied from an example: {', '.join(weak)}",
                f"太弱或照抄示例：{', '.join(weak)}",
            )
        )
    malformed = (
        [] if config.sandbox else list(_malformed(config.wechat_appid, config.wechat_secret))
    )
    if malformed:
        listed = ", ".join(malformed)
        return warn(
            Text(f"not in the format that WeChat issues: {listed}", f"不像微信发放的值：{listed}")
        )
    return ok(Text("no weak secret", "没有弱密钥"))


def _weak(key: str) -> bool:
    return len(set(key)) < 10 or bool(PLACEHOLDER.search(key))


def _malformed(appid: str, secret: str) -> Iterator[str]:
    if not re.fullmatch(r"wx[0-9a-f]{16}", appid):
        yield "MYAPI_WECHAT_APPID"
    if not re.fullmatch(r"[0-9a-f]{32}", secret) or len(set(secret)) < 8:
        yield "MYAPI_WECHAT_SECRET"


@check(
    "failing",
    fix=Text(
        "check that the database runs and MYAPI_DATABASE_URL is right; `flask db upgrade` migrates"
        " it to the version that this code needs",
        "确认数据库在运行、MYAPI_DATABASE_URL 正确；`flask db upgrade` 把它升级到代码需要的版本",
    ),
)
@needs_settings
def database(target: Target) -> Finding:
    """Whether the database answers and is migrated."""
    if not _database_exists():
        return fail(Text("there is no database yet", "数据库还不存在"))
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
    fix=Text(
        "SQLite: keep the file on a local disk and start the app once, which sets WAL; MySQL:"
        " innodb_flush_log_at_trx_commit = 1 and wait_timeout above 1800",
        "SQLite：放在本地磁盘并启动一次应用，它会自行设为 WAL；MySQL："
        "innodb_flush_log_at_trx_commit = 1，wait_timeout 大于 1800",
    ),
)
@needs_settings
def database_settings(target: Target) -> Finding:
    """Whether commits are durable and readers and writers do not block each other."""
    if not _database_exists():
        return skip(Text("there is no database yet", "数据库还不存在"))
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
    fix=Text(
        "raise max_connections in MySQL, or lower MYAPI_WORKERS; add up all app hosts",
        "调高 MySQL 的 max_connections，或调低 MYAPI_WORKERS；多台应用主机要合计",
    ),
)
@needs_settings
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


APP_CHECKS: list[Check] = [
    settings_,
    environment,
    secrets,
    database,
    database_settings,
    pool,
]


def database_files() -> list[Path]:
    if db.engine.name != "sqlite":
        return []
    return [Path(f"{db.engine.url.database}{suffix}") for suffix in ("", "-wal", "-shm")]


def _database_exists() -> bool:
    """Return False if SQLite's file is missing or empty: a starting app creates an empty one."""
    if db.engine.name != "sqlite":
        return True
    file = database_files()[0]
    return file.exists() and file.stat().st_size > 0


def _driver_message(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return mask(printable(str(cause.args[-1] if cause.args else type(cause).__name__)))
