"""A real MySQL 8.0 for tests: most managed databases are one.

    with MySQL(sql_require_primary_key="ON") as server:
        url = server.create_managed_user(server.create_database("shop"))

Debian has no MySQL server. `python -m tests.mysql` fetches Ubuntu's packages once and unpacks them
into the cache, where the server runs with the libraries that belong to it; nothing is installed.
Without them a `mysqld` 8.0 on the PATH is used.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import make_url

from tests.install.archive import CACHE, NOBLE, UnavailableError, debootstrap, locked, run
from tests.servers import MariaDB, find_program

PACKAGES = ("mysql-server-core-8.0", "mysql-client-core-8.0")
EDITION = 1  # of the steps that fill the cache; another number fills it anew
DIGEST = hashlib.sha256(f"{EDITION}{NOBLE.suite}{PACKAGES}".encode()).hexdigest()[:12]
UNPACKED = CACHE / f"mysql-{DIGEST}"
REFUSED = CACHE / "refused-mysql"
REDO_LOG = {"innodb_redo_log_capacity": "8M"}  # the least; all of it is copied for each server
# What the user of a managed database may do in it. Nothing is granted on the whole server.
RIGHTS = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER"


class MySQL(MariaDB):
    """An empty MySQL 8.0, with the binary log and GTIDs that a managed one has.

    Keyword arguments become lines of its configuration, such as `require_secure_transport="ON"`.
    """

    programs = ("mysqld",)
    package = "mysql-server"

    @classmethod
    def available(cls) -> str | None:
        if UNPACKED.exists() or _installed():
            return None
        return refusal() or "MySQL 8.0 not found: `make mysql` fetches it (root)"

    def create_managed_user(self, url: str, *, tls: bool = False) -> str:
        """Return the URL of this database for a new user with the rights of a managed one."""
        database = make_url(url).database
        requirement = "SSL" if tls else "NONE"
        for statement in (
            "DROP USER IF EXISTS managed",
            "CREATE USER managed IDENTIFIED WITH caching_sha2_password"
            f" BY '{self.password}' REQUIRE {requirement}",
            f"GRANT {RIGHTS} ON `{database}`.* TO managed",
        ):
            self.execute(statement)
        return url.replace(f"//{self.user}:", "//managed:")

    def command(self) -> list[str]:
        return [*program("mysqld"), f"--defaults-file={self.folder}/my.cnf"]

    def prepare(self) -> None:
        self._configure()
        shutil.copytree(_initialized(), self.folder / "data")

    def close(self) -> None:
        """Kill it and remove the folder, since a shutdown takes a second."""
        self.kill()
        super().close()

    def _own_defaults(self) -> dict[str, object]:
        return {
            **_places(),
            **REDO_LOG,
            "gtid_mode": "ON",
            "enforce_gtid_consistency": "ON",
            "mysqlx": "OFF",
            "performance_schema": "OFF",  # it takes most of the memory
            "secure_file_priv": "NULL",
        }


def program(name: str) -> list[str]:
    """Return the command that runs a program of MySQL: `mysqld`, `mysqldump` or `mysql`."""
    if not UNPACKED.exists():
        return [name]
    # The loader is the packages' own, for this machine's may be older than they need.
    (loader,) = UNPACKED.glob("usr/lib/*/ld-linux-*.so.*")
    (file,) = UNPACKED.glob(f"usr/*bin/{name}")
    return [str(loader), "--library-path", str(loader.parent), str(file)]


def refusal() -> str | None:
    """Return why `python -m tests.mysql` could not have it, or None."""
    return REFUSED.read_text("utf-8") if REFUSED.exists() else None


def fetch() -> None:
    """Fetch and unpack MySQL unless it is there. Raises UnavailableError."""
    if UNPACKED.exists() or _installed():
        return
    if os.geteuid() != 0:
        raise UnavailableError("only root can fetch MySQL 8.0")
    for tool, package in (("debootstrap", "debootstrap"), ("dpkg-deb", "dpkg")):
        if find_program(tool) is None:
            raise UnavailableError(f"{tool} not found: apt install {package}")
    with locked(NOBLE.suite), tempfile.TemporaryDirectory(dir=CACHE) as name:
        if UNPACKED.exists():
            return
        draft = Path(name)
        debootstrap(NOBLE, draft / "fetched", PACKAGES, "--download-only")
        for package in (draft / "fetched/var/cache/apt/archives").glob("*.deb"):
            run("dpkg-deb", "-x", package, draft / "unpacked")
        (draft / "unpacked").rename(UNPACKED)


@functools.cache
def _installed() -> str | None:
    """Return the version of the `mysqld` on the PATH if it is a MySQL 8.0."""
    found = find_program("mysqld")
    if found is None:
        return None
    version = _version([found])
    return version if " 8.0." in version and "MariaDB" not in version else None


def _version(mysqld: Sequence[str]) -> str:
    command = [*mysqld, "--no-defaults", "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _places() -> dict[str, object]:
    """Return the options that tell the unpacked server where its files are."""
    if not UNPACKED.exists():
        return {}
    return {
        "basedir": f"{UNPACKED}/usr",
        "lc_messages_dir": f"{UNPACKED}/usr/share/mysql",
        "character_sets_dir": f"{UNPACKED}/usr/share/mysql/charsets",
        "plugin_dir": f"{UNPACKED}/usr/lib/mysql/plugin",
    }


@functools.cache
def _initialized() -> Path:
    """Return a data folder as a new server makes it, with its users; this takes seconds."""
    mysqld = program("mysqld")
    sql = (
        f"CREATE USER '{MySQL.user}'@'%' IDENTIFIED BY '{MySQL.password}';\n"
        f"GRANT ALL ON *.* TO '{MySQL.user}'@'%' WITH GRANT OPTION;\n"
    )
    made_from = f"{EDITION}{mysqld}{_version(mysqld)}{sql}{REDO_LOG}"
    folder = CACHE / f"mysql-data-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    with locked("mysql-data"), tempfile.TemporaryDirectory(dir=CACHE) as name:
        if folder.exists():
            return folder
        draft = Path(name)
        (draft / "init.sql").write_text(sql)
        options = {
            **_places(),
            **REDO_LOG,
            **({"user": "root"} if os.geteuid() == 0 else {}),
            "datadir": f"{draft}/data",
            "init_file": f"{draft}/init.sql",
        }
        given = [f"--{option}={value}" for option, value in options.items()]
        run(*mysqld, "--no-defaults", "--initialize-insecure", *given)
        (draft / "data/auto.cnf").unlink()  # each server makes an id of its own
        run("chmod", "-R", "a+rX", draft / "data")  # for other users than root
        (draft / "data").rename(folder)
    return folder


def main() -> int:
    """Fetch MySQL 8.0, start it once, and print its version.

    Exit codes: 0 it starts, 1 it cannot be had on this machine or does not start.
    """
    REFUSED.unlink(missing_ok=True)
    try:
        fetch()
    except UnavailableError as error:
        reason = f"MySQL 8.0 cannot be had: {error}"
        CACHE.mkdir(parents=True, exist_ok=True)
        REFUSED.write_text(reason, "utf-8")
        print(f"THE TESTS ON MYSQL 8.0 ARE NOT RUN. {reason}")  # noqa: T201
        return 1
    with MySQL() as server:
        ((version,),) = server.execute("SELECT version()")
    print(f"MySQL {version} can be started")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
