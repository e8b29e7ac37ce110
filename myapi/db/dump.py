"""Dump a MySQL or MariaDB database to a file and load it again, with the server's own tools.

The password is given to them in an option file that only its owner can read. Every user of the
machine could read it in their arguments.
"""

import gzip
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy.engine import URL

DUMP_TOOLS = ("mariadb-dump", "mysqldump")
CLIENTS = ("mariadb", "mysql")
NOT_FOUND = "{} not found: apt install mariadb-client (or mysql-client)"
DUMP_OPTIONS = (
    "--single-transaction",
    "--quick",
    "--no-tablespaces",
    "--hex-blob",
    "--skip-lock-tables",
)
# mysqldump would dump the server's GTIDs and histograms; mariadb-dump does not know the options.
MYSQLDUMP_OPTIONS = ("--loose-set-gtid-purged=OFF", "--loose-column-statistics=0")
LAST_LINE = b"-- Dump completed"
REVISION = re.compile(rb"INSERT INTO `alembic_version`[^;]{0,99}?\('(\w{1,32})'\)")
CHUNK = 1 << 20  # bytes read at once; a statement may be longer
OVERLAP = 4096  # bytes of the chunk before that are searched again


class BackupError(Exception):
    """A backup cannot be made or restored; the message says why in one sentence."""


def write(url: URL, path: Path, file: Path) -> None:
    """Dump a consistent snapshot to `file`, compressed if `path` ends in `.gz`."""
    tool = _find(DUMP_TOOLS)
    extra = () if tool.endswith("mariadb-dump") else MYSQLDUMP_OPTIONS
    with (
        _option_file(url) as options,
        tempfile.TemporaryFile() as stderr,
        _open_to_write(path, file) as target,
    ):
        command = [tool, *options, *DUMP_OPTIONS, *extra, str(url.database)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as process:  # noqa: S603
            end = _copy(_pipe(process.stdout), target)
        if process.returncode or LAST_LINE not in end:
            raise BackupError(f"the dump failed: {_last_line(stderr)}")


def revision(path: Path) -> str:
    """Read a dump to its end and return its revision.

    Raises BackupError unless it is a complete dump of a database of myapi.
    """
    found, end = None, b""
    try:
        with _open_to_read(path) as source:
            while chunk := source.read(CHUNK):
                found = found or REVISION.search(end + chunk)
                end = (end + chunk)[-OVERLAP:]
    except (OSError, EOFError, ValueError) as error:
        raise BackupError(f"{path} cannot be read: {error}") from None
    if found is None:
        raise BackupError(f"{path} is not a backup of myapi")
    if LAST_LINE not in end:
        raise BackupError(f"{path} is incomplete: its end is missing")
    return str(found[1].decode())


def load(url: URL, path: Path) -> None:
    """Run a dump's statements; the database must not have the dump's tables."""
    with (
        _option_file(url) as options,
        tempfile.TemporaryFile() as stderr,
        _open_to_read(path) as source,
    ):
        command = [_find(CLIENTS), *options, "--batch", str(url.database)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stderr) as process:  # noqa: S603
            try:
                _copy(source, _pipe(process.stdin))
                _pipe(process.stdin).close()
            except BrokenPipeError:
                pass  # the client has ended and written the reason to stderr
        if process.returncode:
            raise BackupError(f"the database refuses the dump: {_last_line(stderr)}")


def _find(tools: tuple[str, ...]) -> str:
    for name in tools:
        if path := shutil.which(name):
            return path
    raise BackupError(NOT_FOUND.format(tools[-1]))


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


@contextmanager
def _open_to_read(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if compressed else path.open("rb") as source:
        yield source


def _copy(source: Any, target: Any) -> bytes:  # noqa: ANN401 (files of several kinds)
    """Copy to the end; return the last bytes."""
    end = b""
    while chunk := source.read(CHUNK):
        target.write(chunk)
        end = (end + chunk)[-OVERLAP:]
    return end


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 (Popen was called with PIPE)
    return stream


def _last_line(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    lines = stderr.read().decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    return re.sub(r"^\S*(mysql|mariadb)\S*: ", "", lines[-1])
