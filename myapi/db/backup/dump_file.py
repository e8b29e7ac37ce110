"""Read a dump that mysqldump or mariadb-dump has written: its tables and their rows.

A dump is read line by line. Both tools write a table's definition with a line for each column, and
escape the line ends in values, so no value can look like the beginning of a statement. What the
tables do not need (settings, locks, triggers, views) is skipped, so a dump of either tool loads
into either server, by a user who may lock no table.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from myapi.db.backup.contents import Contents
from myapi.db.backup.errors import BackupError
from myapi.db.mysql_names import NAME, plain
from myapi.db.schema_version import VERSION_TABLE
from myapi.language import localized

CREATE = re.compile(f"CREATE TABLE (?:IF NOT EXISTS )?{NAME} ")
INSERT = re.compile(rf"INSERT INTO {NAME} (?:\([^)]*\) )?VALUES")
REFERENCES = re.compile(rf"^  CONSTRAINT {NAME} FOREIGN KEY \([^)]+\) REFERENCES {NAME} \(", re.M)
LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.S)
REVISION = re.compile(r"'(\w{1,32})'")
# A whole statement or comment in one line, or the first line of one that ends with a semicolon.
SKIPPED = re.compile(
    r"--|/\*|DROP (TABLE|VIEW)|(UN)?LOCK TABLES|ALTER |SET |set |COMMIT|commit|USE |CREATE DATABASE"
)
LAST_LINE = "-- Dump completed"


class Statement(NamedTuple):
    """The definition of a table, or an INSERT of some of its rows."""

    table: str
    sql: str
    rows: int | None  # None for a definition

    @property
    def references(self) -> set[str]:
        """The tables to which the foreign keys of a definition point."""
        return {plain(name) for _, name in REFERENCES.findall(self.sql)}


def read(path: Path) -> Contents:
    """Read a dump to its end. Raises BackupError unless it is a complete one of myapi."""
    rows: Counter[str] = Counter()
    references: dict[str, set[str]] = {}
    revisions: set[str] = set()
    size = 0
    for statement in statements(path):
        size += len(statement.sql)
        if statement.rows is None:
            references[statement.table] = statement.references
        rows[statement.table] += statement.rows or 0
        if statement.table == VERSION_TABLE and statement.rows:
            revisions.update(REVISION.findall(statement.sql))
    if VERSION_TABLE not in references:
        raise BackupError(
            localized(f"{path} is not a backup of myapi", f"{path} 不是 myapi 的备份")
        )
    return Contents(frozenset(revisions), dict(rows), size, references)


def statements(path: Path) -> Iterator[Statement]:
    """Yield the statements that make the tables and fill them.

    Raises BackupError if the file is no dump, or if its end is missing.
    """
    complete = False
    try:
        with _open(path) as file:
            lines = iter(file)
            for line in lines:
                complete = line.startswith(LAST_LINE)
                if found := _statement(line, lines, path):
                    yield found
    except (OSError, EOFError, ValueError) as error:
        raise BackupError(
            localized(f"{path} cannot be read: {error}", f"无法读取 {path}：{error}")
        ) from None
    if not complete:
        raise BackupError(
            localized(f"{path} is incomplete: its end is missing", f"{path} 不完整：缺少结尾")
        )


def _statement(line: str, lines: Iterator[str], path: Path) -> Statement | None:
    if match := CREATE.match(line):
        return Statement(plain(match[1]), _to_the_end(line, lines), None)
    if match := INSERT.match(line):
        sql = _to_the_end(line, lines)
        return Statement(plain(match[1]), sql, LITERAL.sub("", sql[match.end() :]).count("("))
    if line.startswith("DELIMITER ;;"):  # a trigger: its own lines may look like anything
        _skip_until("DELIMITER ;\n", lines)
    elif SKIPPED.match(line):
        if not line.startswith("--"):
            _to_the_end(line, lines)
    elif line.strip():
        raise BackupError(
            localized(f"{path} is not a backup of myapi", f"{path} 不是 myapi 的备份")
        )
    return None


def _to_the_end(line: str, lines: Iterator[str]) -> str:
    """Return the statement that begins with this line, without its semicolon."""
    whole = [line]
    comment = line.startswith("/*")
    while not (line.endswith(";\n") or (comment and line.rstrip().endswith("*/"))):
        line = next(lines, "")
        if not line:
            raise EOFError("its last statement is cut")
        whole.append(line)
    return "".join(whole).rstrip().removesuffix(";")


def _skip_until(end: str, lines: Iterable[str]) -> None:
    for line in lines:
        if line == end:
            return


@contextmanager
def _open(path: Path) -> Iterator[IO[str]]:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    opener = gzip.open if compressed else open
    with opener(path, "rt", encoding="utf-8", newline="\n") as text:
        yield text
