"""The doctor's checks that need the app: of its settings and of its database."""

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from flask import current_app
from sqlalchemy import text

from myapi import doctor, schema_version
from myapi.cli.command import SETTINGS_ERROR
from myapi.database import reading
from myapi.doctor import Check, Finding, Said, Visit, as_is, check, fail, joined, ok, skip
from myapi.engines import PLACES
from myapi.extensions import db, settings
from myapi.logs import mask
from myapi.settings import SettingsError, unknown_variables

CONFIGURED: list[Check] = []
UNSET = Said("the settings cannot be used, see settings", "配置不可用，见 settings 检查项")

PLACEHOLDER = re.compile(
    r"change.?me|example|placeholder|your.?(app|key|secret)|password|0123456789|x{6}|\.\.\.",
    re.IGNORECASE,
)


def with_settings(run: Callable[[Visit], Finding]) -> Callable[[Visit], Finding]:
    """Skip a check where the settings cannot be used, as `settings` tells."""

    @functools.wraps(run)
    def checked(visit: Visit) -> Finding:
        return skip(UNSET) if SETTINGS_ERROR in current_app.extensions else run(visit)

    return checked


@check(
    CONFIGURED,
    "gateway",
    "failing",
    fix=Said(
        "put them right in .env or the service's environment, and restart: the app does not start"
        " with wrong ones (.env.example explains each)",
        "在 .env 或服务的环境变量中改正后重启：配置有误时应用不会启动（各项说明见 .env.example）",
    ),
)
def settings_(visit: Visit) -> Finding:
    """Whether the settings can be used, and what in them should be known."""
    error: SettingsError | None = current_app.extensions.get(SETTINGS_ERROR)
    if error is not None:
        return fail(as_is(" | ".join(map(doctor.shown, error.problems))))
    warnings = [*settings().warnings(), *unknown_variables()]
    if warnings:
        return doctor.warn(as_is(" | ".join(map(doctor.shown, warnings))))
    return ok(as_is(settings().env))


@check(
    CONFIGURED,
    "not_found",
    "login",
    fix=Said(
        "set MYAPI_ENV=production with AppID, secret and keys: development answers nobody but its"
        " own machine, and the sandbox lets anyone log in as anyone",
        "设置 MYAPI_ENV=production 以及 AppID、AppSecret 和密钥：开发模式只应答本机，"
        "沙箱则允许任何人以任何身份登录",
    ),
)
@with_settings
def environment(visit: Visit) -> Finding:
    """Whether development or the sandbox stands behind a public name."""
    found = settings()
    said = as_is("sandbox" if found.sandbox else found.env)
    if found.production or not visit.public:
        return ok(said)
    return fail(joined([said, Said("behind a public name", "却用在公网域名上")]))


@check(
    CONFIGURED,
    "unseen",
    "login",
    fix=Said(
        "`flask secrets generate` makes a key, `flask secrets rotate` brings it in without logging"
        " anyone out; AppID and AppSecret are copied from the console",
        "`flask secrets generate` 生成密钥，`flask secrets rotate` 平滑更换而不让用户掉线；"
        "AppID 和 AppSecret 从小程序后台复制",
    ),
)
@with_settings
def secrets(visit: Visit) -> Finding:
    """Whether a secret is weak, or one from an example."""
    found = settings()
    weak = [f"MYAPI_SECRET_KEYS {n}" for n, key in enumerate(found.secret_keys, 1) if _weak(key)]
    if weak:
        return fail(
            Said(f"weak, or of an example: {', '.join(weak)}", f"太弱或照抄示例：{', '.join(weak)}")
        )
    odd = [] if found.sandbox else list(_odd(found.wechat_appid, found.wechat_secret))
    if odd:
        listed = ", ".join(odd)
        return doctor.warn(
            Said(f"not as WeChat gives them: {listed}", f"不像微信发放的值：{listed}")
        )
    return ok(Said("none is weak", "没有弱密钥"))


def _weak(key: str) -> bool:
    return len(set(key)) < 10 or bool(PLACEHOLDER.search(key))


def _odd(appid: str, secret: str) -> Iterator[str]:
    if not re.fullmatch(r"wx[0-9a-f]{16}", appid):
        yield "MYAPI_WECHAT_APPID"
    if not re.fullmatch(r"[0-9a-f]{32}", secret) or len(set(secret)) < 8:
        yield "MYAPI_WECHAT_SECRET"


@check(
    CONFIGURED,
    "failing",
    fix=Said(
        "see that the database runs and MYAPI_DATABASE_URL is right; `flask db upgrade` brings it"
        " to what this code expects",
        "确认数据库在运行、MYAPI_DATABASE_URL 正确；`flask db upgrade` 把它升级到代码需要的版本",
    ),
)
@with_settings
def database(visit: Visit) -> Finding:
    """Whether the database answers and has what the code needs."""
    if not _is_there():
        return fail(Said("there is no database yet", "数据库还不存在"))
    try:
        current = schema_version.is_current()
    except sqlalchemy.exc.SQLAlchemyError as error:
        return fail(as_is(_driver_says(error)))
    if not current:
        return fail(Said("it waits for `flask db upgrade`", "尚未执行 `flask db upgrade`"))
    return ok(Said(f"{db.engine.name} answers and is migrated", f"{db.engine.name} 可用，已迁移"))


@check(
    CONFIGURED,
    "failing",
    "unseen",
    fix=Said(
        "SQLite: start the app once on a local disk, it sets WAL by itself; MySQL:"
        " innodb_flush_log_at_trx_commit = 1 and wait_timeout above 1800",
        "SQLite：放在本地磁盘并启动一次应用，它会自行设为 WAL；MySQL："
        "innodb_flush_log_at_trx_commit = 1，wait_timeout 大于 1800",
    ),
)
@with_settings
def database_settings(visit: Visit) -> Finding:
    """Whether the database keeps what it acknowledged, and readers and writers apart."""
    if not _is_there():
        return skip(Said("there is no database yet", "数据库还不存在"))
    wanted = SQLITE_SETTINGS if db.engine.name == "sqlite" else MYSQL_SETTINGS
    try:
        with reading() as connection:
            values = {
                name: connection.execute(text(sql)).scalar() for name, (sql, _) in wanted.items()
            }
    except sqlalchemy.exc.SQLAlchemyError as error:
        return skip(as_is(_driver_says(error)))
    listed = ", ".join(f"{name} = {value}" for name, value in values.items())
    right = all(is_right(values[name]) for name, (_, is_right) in wanted.items())
    return Finding("ok" if right else "warn", as_is(listed))


#: Name → how to ask for it, and whether the answer will do.
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
    CONFIGURED,
    "failing",
    fix=Said(
        "raise max_connections in MySQL, or lower MYAPI_WORKERS; count every app host",
        "调高 MySQL 的 max_connections，或调低 MYAPI_WORKERS；多台应用主机要合计",
    ),
)
@with_settings
def pool(visit: Visit) -> Finding:
    """Whether MySQL takes as many connections as the app may open."""
    if db.engine.name == "sqlite":
        return ok(Said("SQLite has no such limit", "SQLite 没有这个限制"))
    try:
        with reading() as connection:
            allowed = int(connection.execute(text("SELECT @@max_connections")).scalar() or 0)
    except sqlalchemy.exc.SQLAlchemyError as error:
        return skip(as_is(_driver_says(error)))
    most = settings().workers * len(db.engines) * PLACES
    said = Said(
        f"this host opens up to {most}, MySQL allows {allowed}",
        f"本机最多打开 {most} 个连接，MySQL 允许 {allowed} 个",
    )
    return Finding("ok" if most < allowed else "fail", said)


def database_files() -> list[Path]:
    if db.engine.name != "sqlite":
        return []
    return [Path(f"{db.engine.url.database}{suffix}") for suffix in ("", "-wal", "-shm")]


def _is_there() -> bool:
    """Whether SQLite's file has anything in it; an app that starts makes an empty one."""
    if db.engine.name != "sqlite":
        return True
    file = database_files()[0]
    return file.exists() and file.stat().st_size > 0


def _driver_says(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return mask(doctor.shown(str(cause.args[-1] if cause.args else type(cause).__name__)))
