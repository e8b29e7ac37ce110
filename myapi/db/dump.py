"""MySQL's and MariaDB's own tools: a whole dump into a file, and back.

The password goes to them in an option file for its owner alone: not in their arguments, which
every user of the machine can read.
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

DUMPS = ("mariadb-dump", "mysqldump")
CLIENTS = ("mariadb", "mysql")
MISSING = "{} not found: apt install mariadb-client (or mysql-client)"
WHOLE = ("--single-transaction", "--quick", "--no-tablespaces", "--hex-blob", "--skip-lock-tables")
# What MySQL's tool would ask or write of the whole server, and MariaDB's does not know.
NOT_OF_THE_SERVER = ("--loose-set-gtid-purged=OFF", "--loose-column-statistics=0")
LAST_LINE = b"-- Dump completed"
REVISION = re.compile(rb"INSERT INTO `alembic_version`[^;]{0,99}?\('(\w{1,32})'\)")
PIECE = 1 << 20  # bytes; no statement of a dump has to fit in it


class BackupError(Exception):
    """Why there is no backup, or why it cannot be restored, in one sentence."""


def write(url: URL, path: Path, file: Path) -> None:
    """Write all rows, as of one moment, to `file`: compressed where `path` ends in `.gz`."""
    tool = _tool(DUMPS)
    extra = () if tool.endswith("mariadb-dump") else NOT_OF_THE_SERVER
    with _options(url) as options, tempfile.TemporaryFile() as said, _opened(path, file) as target:
        command = [tool, *options, *WHOLE, *extra, str(url.database)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process:  # noqa: S603
            last = _copy(_piped(process.stdout), target)
        if process.returncode or LAST_LINE not in last:
            raise BackupError(f"the dump failed: {_last_words(said)}")


def revision(path: Path) -> str:
    """Read a dump to its end; return its revision.

    Raises ClickException unless it is a whole one of a database of myapi.
    """
    found, last = None, b""
    try:
        with _reading(path) as source:
            while piece := source.read(PIECE):
                found = found or REVISION.search(last + piece)
                last = (last + piece)[-4096:]
    except (OSError, EOFError, ValueError) as error:
        raise BackupError(f"{path} cannot be read: {error}") from None
    if found is None:
        raise BackupError(f"{path} is no backup of myapi")
    if LAST_LINE not in last:
        raise BackupError(f"{path} is not whole: its end is missing")
    return str(found[1].decode())


def load(url: URL, path: Path) -> None:
    """Run a dump's statements, in a database that has no table of that name."""
    with _options(url) as options, tempfile.TemporaryFile() as said, _reading(path) as source:
        command = [_tool(CLIENTS), *options, "--batch", str(url.database)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said) as process:  # noqa: S603
            try:
                _copy(source, _piped(process.stdin))
                _piped(process.stdin).close()
            except BrokenPipeError:
                pass  # it has ended, and said why
        if process.returncode:
            raise BackupError(f"the database refuses the dump: {_last_words(said)}")


def _tool(names: tuple[str, ...]) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    raise BackupError(MISSING.format(names[-1]))


@contextmanager
def _options(url: URL) -> Iterator[tuple[str, ...]]:
    """Have the connection's options in a file which goes with the block."""
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
            file.write("\n".join(["[client]", *lines, *_verified(query)]) + "\n")
        yield (f"--defaults-extra-file={name}",)
    finally:
        Path(name).unlink()


def _verified(query: dict[str, str]) -> Iterator[str]:
    """Have the server's name verified as the service has it, in MySQL's words and in MariaDB's.

    Left to themselves the tools send the password to whoever has a certificate of that authority,
    and MariaDB's to whoever has none at all.
    """
    if "ssl_ca" in query:
        yield "loose-ssl-mode=VERIFY_IDENTITY"
        yield "[client-mariadb]"
        yield "ssl-verify-server-cert"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') + '"'


@contextmanager
def _opened(path: Path, file: Path) -> Iterator[Any]:
    if path.suffix == ".gz":
        with gzip.open(file, "wb", compresslevel=6) as target:
            yield target
    else:
        with file.open("wb") as target:
            yield target


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    with path.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if packed else path.open("rb") as source:
        yield source


def _copy(source: Any, target: Any) -> bytes:  # noqa: ANN401 (files of several kinds)
    """Copy to the end; return the last bytes."""
    last = b""
    while piece := source.read(PIECE):
        target.write(piece)
        last = (last + piece)[-4096:]
    return last


def _piped(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 (asked for as a pipe)
    return stream


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines() or ["it did not say why"]
    return re.sub(r"^\S*(mysql|mariadb)\S*: ", "", lines[-1])
