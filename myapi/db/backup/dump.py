"""Dump a MySQL or MariaDB database to a file, with the server's own tool.

The password is given to it in an option file that only its owner can read. Every user of the
machine could read it in its arguments.
"""

import gzip
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy.engine import URL

from myapi.db.backup.errors import BackupError
from myapi.language import localized

TOOLS = ("mariadb-dump", "mysqldump")
OPTIONS = (
    *("--single-transaction", "--quick", "--hex-blob", "--no-tablespaces"),
    *("--skip-lock-tables", "--skip-add-locks", "--skip-triggers"),
)
# mysqldump would dump the server's GTIDs and histograms; mariadb-dump does not know the options.
MYSQLDUMP_OPTIONS = ("--loose-set-gtid-purged=OFF", "--loose-column-statistics=0")
LAST_LINE = b"-- Dump completed"
CHUNK = 1 << 20  # bytes
END = 4096  # bytes that hold the last line


def write(url: URL, path: Path, file: Path, ignore: Iterable[str] = ()) -> None:
    """Dump a consistent snapshot to `file`, compressed if `path` ends in `.gz`."""
    ignored = [f"--ignore-table={url.database}.{table}" for table in ignore]
    tool = _find()
    extra = () if tool.endswith("mariadb-dump") else MYSQLDUMP_OPTIONS
    with (
        _option_file(url) as options,
        tempfile.TemporaryFile() as stderr,
        _open_to_write(path, file) as target,
    ):
        command = [tool, *options, *OPTIONS, *extra, *ignored, str(url.database)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as process:  # noqa: S603
            end = _copy(_pipe(process.stdout), target)
        if process.returncode or LAST_LINE not in end:
            raise BackupError(localized("the dump failed: ", "导出失败：") + _last_line(stderr))


def _find() -> str:
    for name in TOOLS:
        if path := shutil.which(name):
            return path
    raise BackupError(
        localized(
            f"{TOOLS[-1]} not found: apt install mariadb-client (or mysql-client)",
            f"找不到 {TOOLS[-1]}：apt install mariadb-client（或 mysql-client）",
        )
    )


@contextmanager
def _option_file(url: URL) -> Iterator[tuple[str, ...]]:
    """Write the connection's options to a temporary file; yield the argument that names it."""
    query = {name: str(value) for name, value in url.query.items()}
    options = {
        "host": url.host,
        "port": str(url.port or 3306),
        "user": url.username,
        "password": None if url.password is None else str(url.password),
        "socket": query.get("unix_socket"),
        **{name.replace("_", "-"): query.get(name) for name in ("ssl_ca", "ssl_cert", "ssl_key")},
        "default-character-set": "utf8mb4",
    }
    lines = [f"{name}={_quoted(value)}" for name, value in options.items() if value is not None]
    handle, name = tempfile.mkstemp(prefix="myapi-", suffix=".cnf")  # its mode is 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(["[client]", *lines, *_verification(query)]) + "\n")
        yield (f"--defaults-extra-file={name}",)
    finally:
        Path(name).unlink()


def _verification(query: dict[str, str]) -> Iterator[str]:
    """Make the tools verify the server's name, as the service does: MySQL's option and MariaDB's.

    By default MySQL's tools accept any certificate of that authority, and MariaDB's need none at
    all. The password would be sent to an impostor.
    """
    if "ssl_ca" in query:
        yield "loose-ssl-mode=VERIFY_IDENTITY"
        yield "[client-mariadb]"
        yield "ssl-verify-server-cert"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') + '"'


@contextmanager
def _open_to_write(path: Path, file: Path) -> Iterator[Any]:
    if path.suffix == ".gz":
        with gzip.open(file, "wb", compresslevel=6) as target:
            yield target
    else:
        with file.open("wb") as target:
            yield target


def _copy(source: Any, target: Any) -> bytes:  # noqa: ANN401 (files of several kinds)
    """Copy to the end; return the last bytes."""
    end = b""
    while chunk := source.read(CHUNK):
        target.write(chunk)
        end = (end + chunk)[-END:]
    return end


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 (Popen was called with PIPE)
    return stream


def _last_line(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    lines = stderr.read().decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    return re.sub(r"^\S*(mysql|mariadb)\S*: ", "", lines[-1])
