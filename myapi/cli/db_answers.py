"""One sentence about what a command of Flask-Migrate did, in place of Alembic's lines."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import sqlalchemy.exc
from flask import g
from sqlalchemy import inspect

from myapi.cli import output
from myapi.db import schema_version
from myapi.db.transactions import reading
from myapi.language import localized
from myapi.settings import ROOT


class State(NamedTuple):
    """What commands change: the revisions in the database, and the files of migrations."""

    applied: str
    files: frozenset[Path]
    steps: int  # the migrations that this process has run: another one may have been quicker


Answer = Callable[[State, State], str]


@contextmanager
def one_answer(command: str) -> Iterator[None]:
    """Print what the command changed. Its failure becomes the message of an exception.

    Without an answer here, what the command prints is the answer, such as that of `current`.
    """
    answer = ANSWERS.get(command)
    g.quiet_alembic = answer is not None  # read by db.migrate
    before = _state() if answer else None
    with _errors_as_exceptions():
        yield
    if answer and before:
        output.print_line(answer(before, _state()))


def applied() -> set[str]:
    """Return the revisions in the database; none if it is empty."""
    try:
        with reading() as connection:
            return schema_version.applied(connection)
    except sqlalchemy.exc.DatabaseError:
        with reading() as connection:  # raises what is wrong, unless the table is only missing
            inspect(connection).get_table_names()
        return set()


def listed(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions)) or localized("none", "无")


def _state() -> State:
    files = (file for folder in schema_version.folders() for file in folder.glob("*.py"))
    return State(listed(applied()), frozenset(files), g.get("migration_steps", 0))


def _upgraded(before: State, after: State) -> str:
    if before.steps == after.steps:
        return localized(
            f"already up to date ({after.applied})", f"已是最新版本（{after.applied}）"
        )
    change = f"{before.applied} → {after.applied}"
    return localized(f"upgraded {change}", f"已升级 {change}")


def _downgraded(before: State, after: State) -> str:
    if before.steps == after.steps:
        return localized("nothing to take back", "没有可退回的迁移")
    change = f"{before.applied} → {after.applied}"
    return localized(f"downgraded {change}", f"已退回 {change}")


def _stamped(_before: State, after: State) -> str:
    return localized(
        f"the database is marked as {after.applied}", f"数据库已标记为 {after.applied}"
    )


def _wrote(before: State, after: State) -> str:
    new = sorted(after.files - before.files)
    if not new:
        return localized(
            "no changes: the database has the tables as the models declare them",
            "没有改动：数据库中的表与模型一致",
        )
    names = ", ".join(_shown(file) for file in new)
    return localized(f"wrote {names}", f"已写入 {names}")


def _checked(_before: State, _after: State) -> str:
    return localized(
        "the database has the tables as the models declare them", "数据库中的表与模型一致"
    )


ANSWERS: dict[str, Answer] = {
    "upgrade": _upgraded,
    "downgrade": _downgraded,
    "stamp": _stamped,
    "migrate": _wrote,
    "revision": _wrote,
    "merge": _wrote,
    "check": _checked,
}


def _shown(file: Path) -> str:
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)


class _Errors(logging.Handler):
    """Collects what Flask-Migrate logs before it ends the process."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage().removeprefix("Error: "))


@contextmanager
def _errors_as_exceptions() -> Iterator[None]:
    """Raise what Flask-Migrate logs as an error; it catches Alembic's exceptions itself."""
    log, errors = logging.getLogger("flask_migrate"), _Errors()
    propagate, log.propagate = log.propagate, False
    log.addHandler(errors)
    try:
        yield
    except SystemExit:
        if not errors.messages:
            raise
        raise click.ClickException(output.printable(errors.messages[-1])) from None
    finally:
        log.removeHandler(errors)
        log.propagate = propagate
