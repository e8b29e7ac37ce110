"""Explain why a migration cannot go on that was cut short: MySQL keeps each of its steps.

On SQLite all migrations of a run are one transaction, so nothing is ever left of them.
"""

import re
import traceback
from pathlib import Path
from typing import NamedTuple

from alembic.util import CommandError
from sqlalchemy import Connection, func, select, table
from sqlalchemy.exc import DBAPIError

from myapi.db.mysql_names import quoted
from myapi.language import localized


class Step(NamedTuple):
    """A step that an earlier run has done: how to say so, and the SQL that undoes it."""

    done: str
    in_chinese: str
    undo: str = ""


FOREIGN_KEY = Step(
    "foreign key {0} of {1} is there already",
    "{1} 的外键 {0} 已存在",
    "ALTER TABLE {1} DROP FOREIGN KEY {0}",
)
# By MySQL's error number. {0} is what the server names, {1} the table of the statement.
STEPS = {
    1050: Step("table {0} is there already", "表 {0} 已存在", "DROP TABLE {0}"),
    1060: Step(
        "column {0} of {1} is there already",
        "{1} 的列 {0} 已存在",
        "ALTER TABLE {1} DROP COLUMN {0}",
    ),
    1061: Step(
        "index {0} of {1} is there already", "{1} 的索引 {0} 已存在", "DROP INDEX {0} ON {1}"
    ),
    1826: FOREIGN_KEY,
    1051: Step("table {0} is gone already", "表 {0} 已不存在"),
    1091: Step("{0} of {1} is gone already", "{1} 的 {0} 已不存在"),
}
MARIADB_SAME_FOREIGN_KEY = "errno: 121"  # in a 1005, which means other things too
NAMED = re.compile(r"(?<!\w)['`](?:[^'`.]+\.)?([^'`]+)['`]")
CONSTRAINT = re.compile(r"\bCONSTRAINT\s+`?(\w+)`?")
TABLE = re.compile(r"\b(?:TABLE|ON)\s+`?(\w+)`?")


def explained(error: DBAPIError, connection: Connection) -> Exception:
    """Return the error itself, or one that says what is there and how to go on."""
    number, message, *_ = (*(error.orig.args if error.orig else ()), None, "")
    statement = error.statement or ""
    step = FOREIGN_KEY if MARIADB_SAME_FOREIGN_KEY in str(message) else STEPS.get(number)
    place = _place(error)
    if step is None or place is None:
        return error
    named = CONSTRAINT.search(statement) if step is FOREIGN_KEY else NAMED.search(str(message))
    names = [quoted(found[1]) if found else "?" for found in (named, TABLE.search(statement))]
    done = localized(step.done, step.in_chinese).format(*names).replace("`", "")
    if number == 1050 and named:
        rows = connection.scalar(select(func.count()).select_from(table(named[1])))
        done += localized(f", with {rows} rows", f"，有 {rows} 行")
    undo = step.undo.format(*names)
    return CommandError(localized(_in_english(place, done, undo), _in_chinese(place, done, undo)))


def _in_english(place: str, done: str, undo: str) -> str:
    again = "run `flask db upgrade` again"
    go_on = (
        f"undo what is there (`{undo}` in the database) and {again}"
        if undo
        else f"put a # before that line, {again}, and remove the #"
    )
    return (
        f"{place}: {done}. The migration was probably cut short: MySQL keeps each step of it."
        f" Look what else of it is there; {go_on}"
    )


def _in_chinese(place: str, done: str, undo: str) -> str:
    again = "再次运行 `flask db upgrade`"
    go_on = (
        f"撤销已有的部分（在数据库中执行 `{undo}`），然后{again}"
        if undo
        else f"在那一行前加 #，{again}，再去掉 #"
    )
    return (
        f"{place}：{done}。这个迁移很可能中途中断过：MySQL 会保留已完成的每一步。"
        f"看看还留下了什么；{go_on}"
    )


def _place(error: DBAPIError) -> str | None:
    """Return the file and the line of the migration."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.parent.name in {"versions", "migrations"} and file.name != "env.py":
            return f"{file.name}, line {frame.lineno}"
    return None
