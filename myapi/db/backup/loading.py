"""Load the tables of a dump under temporary names, beside the tables in use."""

import re
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy.exc
from sqlalchemy import Connection, func, select, table, text

from myapi.db.backup import dump_file
from myapi.db.backup.contents import Contents
from myapi.db.backup.errors import BackupError
from myapi.db.backup.leftovers import NEW
from myapi.db.errors import refusal
from myapi.db.mysql_names import NAME, plain, quoted
from myapi.language import localized

# Times in UTC, an id of 0 stays 0, and a value that does not fit is refused; a tool dumps a table
# before the tables that it refers to.
SESSION = (
    "SET SESSION time_zone = '+00:00', foreign_key_checks = 0, unique_checks = 0,"
    " sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'"
)
CONSTRAINT = re.compile(rf"^(  CONSTRAINT ){NAME} (FOREIGN KEY|CHECK)", re.M)
FOREIGN_KEY = re.compile(rf"^(  CONSTRAINT {NAME} FOREIGN KEY \([^)]+\) REFERENCES ){NAME}", re.M)
MAX_NAME = 64  # characters of a constraint's name


def load(connection: Connection, path: Path, temporary: Mapping[str, str]) -> None:
    """Make and fill the tables of the dump at `path` that `temporary` names."""
    connection.exec_driver_sql(SESSION)
    checks_are_global = "MariaDB" not in str(connection.scalar(text("SELECT VERSION()")))
    for statement in dump_file.statements(path):
        if statement.table not in temporary:
            continue
        name = quoted(statement.table)
        sql = statement.sql.replace(name, quoted(temporary[statement.table]), 1)
        if statement.rows is None:
            sql = _rename_constraints(sql, statement.table, temporary, checks_are_global)
        try:
            connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        except sqlalchemy.exc.DBAPIError as error:
            raise BackupError(
                localized(
                    f"the database refuses {statement.table}: {refusal(error)}",
                    f"数据库拒绝了 {statement.table}：{refusal(error)}",
                )
            ) from None


def compare(connection: Connection, contents: Contents, temporary: Mapping[str, str]) -> None:
    """Count the rows that were loaded; raises BackupError unless all of the dump are there."""
    for name, temporary_name in temporary.items():
        count = select(func.count()).select_from(table(temporary_name))
        loaded, expected = connection.scalar(count), contents.rows[name]
        if loaded != expected:
            raise BackupError(
                localized(
                    f"{name}: {loaded} of {expected} rows were loaded",
                    f"{name}：共 {expected} 行，只载入了 {loaded} 行",
                )
            )


def _rename_constraints(
    sql: str, table: str, temporary: Mapping[str, str], checks_are_global: bool
) -> str:
    """Give the constraints of a definition names that are free while the old tables are there.

    The server itself renames a constraint that it has named after its table; `finish` the others.
    """

    def rename(match: re.Match[str]) -> str:
        start, name, kind = match.groups()
        if kind == "CHECK" and not checks_are_global:
            return match[0]
        if re.fullmatch(rf"{re.escape(table)}_(ibfk|chk)_\d+", name):
            return f"{start}{quoted(temporary[table] + name[len(table) :])} {kind}"
        if len(NEW + name) > MAX_NAME:
            return f"  {kind}"  # the server gives it a name
        return f"{start}{quoted(NEW + name)} {kind}"

    def redirect(match: re.Match[str]) -> str:
        referred = plain(match[3])
        return f"{match[1]}{quoted(temporary.get(referred, referred))}"

    return CONSTRAINT.sub(rename, FOREIGN_KEY.sub(redirect, sql))
