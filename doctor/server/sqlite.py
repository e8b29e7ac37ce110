"""A bug of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from doctor import needs
from doctor.checks import Finding, check, ok, skip, warn
from doctor.target import Target
from doctor.texts import Text, untranslated

#: A bug of the write-ahead log that can, very rarely, corrupt a file under concurrent writers:
#: the version that brought it, the version that fixed it, and the fixes in older branches.
BROUGHT, FIXED = (3, 7, 0), (3, 51, 3)
FIXED_IN_BRANCH = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}


@check(
    "unseen",
    fault=Text("this SQLite has a bug", "这个版本的 SQLite 有缺陷"),
    stops="nothing",
    fix=Text(
        "back up daily (`flask backup`); update the system's SQLite when its packages offer 3.51.3"
        " or newer, or move to MySQL",
        "每天备份（`flask backup`）；系统软件包提供 3.51.3 或更新的 SQLite 时升级，或改用 MySQL",
    ),
)
def sqlite(target: Target) -> Finding:
    """Whether this SQLite has the bug of the write-ahead log."""
    if target.this_server.uses_sqlite is None:
        return skip(needs.FLASK_DOCTOR)
    if not target.this_server.uses_sqlite:
        return skip(Text("not in use", "没有使用"))
    version = ".".join(map(str, sqlite3.sqlite_version_info))
    if has_wal_bug(sqlite3.sqlite_version_info):
        if target.has_url and target.url.is_development:
            return skip(
                Text(
                    f"SQLite {version} has a rare bug, which matters in production",
                    f"SQLite {version} 有一个罕见的缺陷，在生产环境才需要关注",
                )
            )
        return warn(
            Text(
                f"SQLite {version} has a bug that can, very rarely, corrupt a database in WAL mode",
                f"SQLite {version} 有一个缺陷，在 WAL 模式下极少数情况会损坏数据库",
            )
        )
    return ok(untranslated(f"SQLite {version}"))


def has_wal_bug(version: Sequence[int]) -> bool:
    fixed = FIXED_IN_BRANCH.get((version[0], version[1]), FIXED)
    return BROUGHT <= tuple(version) < fixed
