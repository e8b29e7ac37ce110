"""MariaDB and Redis on this server, installed only if a given URL names this server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from deploy.lib.language import said
from deploy.lib.machine import DeployError, Machine, capture
from deploy.lib.state import read_state, record

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# As in myapi/settings/urls.py: the service refuses the other URLs at its start.
ENCODED = r"(?:(?![@%:/?#\[\]])[!-~]|%[0-9A-Fa-f]{2})*"
LOGIN = re.compile(rf"[^/]*://{ENCODED}(?::{ENCODED})?@[^@]*")


class MySQLAddress(NamedTuple):
    """The parts of `mysql+pymysql://USER:PASSWORD@HOST/NAME`."""

    host: str
    user: str
    password: str
    name: str
    port: int = 3306


def problems(database_url: str | None, redis_url: str | None) -> Iterator[str]:
    """Yield what is wrong with the given URLs. The URLs hold passwords and are never shown."""
    if database_url and not database_url.startswith("sqlite:"):
        yield from _problems_of_mysql(database_url)
    if redis_url:
        yield from _problems_of_redis(redis_url)


def access_problems(database_url: str) -> Iterator[str]:
    """Yield why neither root nor the user of the URL can use the MariaDB that is here already."""
    database = parse_mysql_url(database_url)
    if database is None or database.host not in LOCAL_HOSTS or not _has_any("mariadbd", "mysqld"):
        return
    refused = re.search(r"ERROR (1045|1698)\b", capture(*_root_client(), stdin="SELECT 1").stderr)
    if refused and not _is_usable(database):
        name, user = database.name, database.user
        yield said(
            f"the local MariaDB asks root for a password: create the database {name} and its"
            f" user {user} with the URL's password yourself",
            f"本机数据库的 root 需要密码：请自行创建数据库 {name} 和用户 {user}（密码与 URL 一致）",
        )


def parse_mysql_url(url: str) -> MySQLAddress | None:
    """Parse a MySQL URL; None for any other URL."""
    parts = _split(url)
    if parts is None or not parts.scheme.startswith("mysql"):
        return None
    name = unquote(parts.path.lstrip("/"))
    if not (parts.hostname and parts.username and name):
        return None
    return MySQLAddress(
        parts.hostname,
        unquote(parts.username),
        unquote(parts.password or ""),
        name,
        parts.port or 3306,
    )


def missing_packages(database_url: str, redis_url: str) -> list[str]:
    """Return the Debian packages that these URLs need and this server does not have."""
    missing = []
    database = parse_mysql_url(database_url)
    if database and database.host in LOCAL_HOSTS and not _has_any("mariadbd", "mysqld"):
        missing.append("mariadb-server")
    elif database and not _has_any("mariadb-dump", "mysqldump"):
        missing.append("mariadb-client")  # for backups
    redis = _split(redis_url)
    if redis and redis.scheme == "redis" and (redis.hostname or "localhost") in LOCAL_HOSTS:
        missing += [] if _has_any("redis-server") else ["redis-server"]
    return missing


def create_database(machine: Machine, database_url: str) -> None:
    """Create the database and its user in this server's MariaDB. A remote one is not touched."""
    database = parse_mysql_url(database_url)
    if database is None or database.host not in LOCAL_HOSTS or machine.dry_run:
        return
    if _run_sql(f"SHOW TABLES IN `{database.name}`") is not None or _is_usable(database):
        return  # it exists
    record(machine, database=[database.name, database.user])
    if machine.announce(
        said(
            f"create the database {database.name} and its user",
            f"创建数据库 {database.name} 和它的用户",
        )
    ):
        account = f"'{database.user}'@'{{}}' IDENTIFIED BY {_quoted(database.password)}"
        statements = [
            *(f"CREATE USER IF NOT EXISTS {account.format(host)}" for host in LOCAL_HOSTS),
            *(f"GRANT ALL ON `{database.name}`.* TO '{database.user}'@'{h}'" for h in LOCAL_HOSTS),
            # Last: if the database exists, the steps above have succeeded.
            f"CREATE DATABASE `{database.name}` CHARACTER SET utf8mb4",
        ]
        if _run_sql("; ".join(statements)) is None:
            raise DeployError(
                said(
                    "cannot connect to the local MariaDB as root through its socket: create the"
                    " database and its user yourself",
                    "无法以 root 通过套接字连接本机数据库，请自行创建数据库和用户",
                )
            )


def drop_database(machine: Machine) -> None:
    """Drop the database and the user that `create_database` created."""
    if created := read_state().get("database"):
        name, user = created
        if machine.announce(
            said(f"drop the database {name} and its user", f"删除数据库 {name} 和它的用户")
        ):
            users = "; ".join(f"DROP USER IF EXISTS '{user}'@'{host}'" for host in LOCAL_HOSTS)
            _run_sql(f"DROP DATABASE IF EXISTS `{name}`; {users}")


def _problems_of_mysql(url: str) -> Iterator[str]:
    if _has_raw_login(url):
        yield _raw_login("--database-url")
        return
    database = parse_mysql_url(url)
    if database is None:
        form = "mysql+pymysql://USER:PASSWORD@HOST/NAME?charset=utf8mb4"
        yield said(f"--database-url must look like {form}", f"--database-url 的写法是 {form}")
    elif not database.password.isascii():  # as in myapi/settings/urls.py
        yield said(
            "the database's password may only hold ASCII characters",
            "数据库密码只能用 ASCII 字符",
        )
    elif database.host in LOCAL_HOSTS and not re.fullmatch(
        r"\w{1,64}", database.name + database.user
    ):
        yield said(
            "the names of the database and its user may only contain letters, digits and _",
            "数据库名和用户名只能用字母、数字和下划线",
        )


def _problems_of_redis(url: str) -> Iterator[str]:
    if _has_raw_login(url):
        yield _raw_login("--redis-url")
        return
    parts = _split(url)
    if parts is None or parts.scheme not in {"redis", "rediss", "memory"}:
        form = "redis://HOST:6379/0"
        yield said(f"--redis-url must look like {form}", f"--redis-url 的写法是 {form}")


def _raw_login(option: str) -> str:
    return said(
        f"{option} must have its user name and password percent-encoded: %40 for @, %25 for %,"
        " %3A for :, %2F for /, %3F for ?, %23 for #, %20 for a space",
        f"{option} 的用户名和密码中的特殊字符必须转义：@ 写作 %40，% 写作 %25，: 写作 %3A，"
        "/ 写作 %2F，? 写作 %3F，# 写作 %23，空格写作 %20",
    )


def _has_raw_login(url: str) -> bool:
    """Whether a character of the user name or the password would have to be percent-encoded."""
    return "@" in url and not LOGIN.fullmatch(url)


def _split(url: str) -> SplitResult | None:
    """Split a URL; None if it is malformed. Python's error message would show the password."""
    if _has_raw_login(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _run_sql(statements: str) -> str | None:
    """Run SQL on the local server as root; return its output, or None if it failed."""
    done = capture(*_root_client(), stdin=statements)
    return None if done.returncode else done.stdout


def _root_client() -> tuple[str, ...]:
    return (_client(), "--batch", "--user=root", "--protocol=socket")


def _is_usable(database: MySQLAddress) -> bool:
    """Whether the database of the URL exists and its user is let in."""
    where = (f"--host={database.host}", f"--port={database.port}", "--protocol=tcp")
    user = (f"--user={database.user}", f"--database={database.name}")
    password = {"MYSQL_PWD": database.password}  # root's own option files would go before it
    command = (_client(), "--no-defaults", *where, *user)
    return capture(*command, environ=password, stdin="SELECT 1").returncode == 0


def _client() -> str:
    return "mariadb" if _has_any("mariadb") else "mysql"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _has_any(*programs: str) -> bool:
    return any(shutil.which(program, path=PATH) for program in programs)
