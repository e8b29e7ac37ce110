"""MariaDB and Redis on this machine: there only where a URL that was given asks for them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from deploy.lib.machine import Machine, RefusedError, ask
from deploy.lib.state import remember, state

HERE = {"localhost", "127.0.0.1", "::1"}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Database(NamedTuple):
    """What a URL such as `mysql+pymysql://USER:PASSWORD@HOST/NAME` names."""

    host: str
    user: str
    password: str
    name: str


def problems(database_url: str | None, redis_url: str | None) -> Iterator[str]:
    """Say what is wrong with the URLs that were given; neither is shown."""
    if database_url and not database_url.startswith("sqlite:"):
        try:
            found = read(database_url)
        except ValueError:
            found = None
        if found is None:
            yield (
                "--database-url has to be such as"
                " mysql+pymysql://USER:PASSWORD@HOST/NAME?charset=utf8mb4 · 数据库地址格式不正确"
            )
        elif found.host in HERE and not re.fullmatch(r"\w{1,64}", found.name + found.user):
            yield (
                "the names of a database and of its user have to be letters, digits and _"
                " · 数据库名和用户名只能用字母、数字和下划线"
            )
    if redis_url and urlsplit(redis_url).scheme not in {"redis", "rediss", "memory"}:
        yield "--redis-url has to be such as redis://HOST:6379/0 · Redis 地址格式不正确"


def read(url: str) -> Database | None:
    """Return the parts of a URL of MySQL; None for one that is no such URL."""
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/"))
    if not parts.scheme.startswith("mysql") or not (parts.hostname and parts.username and name):
        return None
    return Database(parts.hostname, unquote(parts.username), unquote(parts.password or ""), name)


def packages(database_url: str, redis_url: str) -> list[str]:
    """Name the packages that these URLs need and that are missing."""
    missing = []
    database = read(database_url)
    if database and database.host in HERE and not _found("mariadbd", "mysqld"):
        missing.append("mariadb-server")
    elif database and not _found("mariadb-dump", "mysqldump"):
        missing.append("mariadb-client")  # for backups
    if urlsplit(redis_url).scheme == "redis" and _on_this_machine(redis_url):
        missing += [] if _found("redis-server") else ["redis-server"]
    return missing


def prepare(machine: Machine, database_url: str) -> None:
    """Have the database and its user in a MariaDB of this machine; another's is left alone."""
    database = read(database_url)
    if database is None or database.host not in HERE or machine.dry:
        return
    if _query(f"SHOW TABLES IN `{database.name}`") is not None:
        return  # made before, by us or by somebody
    remember(machine, database=[database.name, database.user])
    if machine.act(f"make the database {database.name} and its user"):
        who = f"'{database.user}'@'{{}}' IDENTIFIED BY {_quoted(database.password)}"
        hosts = ("localhost", "127.0.0.1", "::1")
        statements = [
            *(f"CREATE USER IF NOT EXISTS {who.format(host)}" for host in hosts),
            *(f"GRANT ALL ON `{database.name}`.* TO '{database.user}'@'{h}'" for h in hosts),
            f"CREATE DATABASE `{database.name}` CHARACTER SET utf8mb4",  # last: it says all is made
        ]
        if _query("; ".join(statements)) is None:
            raise RefusedError(
                "the local MariaDB does not let root in through its socket: make the database and"
                " its user yourself · 无法以 root 连接本机数据库，请自行建库建用户"
            )


def purge(machine: Machine) -> None:
    """Drop the database and the user that `prepare` made."""
    if made := state().get("database"):
        name, user = made
        if machine.act(f"drop the database {name} and its user"):
            hosts = ("localhost", "127.0.0.1", "::1")
            users = "; ".join(f"DROP USER IF EXISTS '{user}'@'{host}'" for host in hosts)
            _query(f"DROP DATABASE IF EXISTS `{name}`; {users}")


def _query(statements: str) -> str | None:
    """Ask the local server as root; None where it refuses."""
    client = "mariadb" if _found("mariadb") else "mysql"
    done = ask(client, "--batch", "--user=root", "--protocol=socket", stdin=statements)
    return None if done.returncode else done.stdout


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _on_this_machine(url: str) -> bool:
    return (urlsplit(url).hostname or "localhost") in HERE


def _found(*programs: str) -> bool:
    return any(shutil.which(program, path=PATH) for program in programs)
