"""Copy a whole database into another one, and prove that both are the same.

Each run makes the target equal to the source: it takes out what is not the source's, brings over
what is missing, and compares all rows of both. So a run that was stopped is simply run again.
"""

import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from flask import current_app
from sqlalchemy import delete, insert
from sqlalchemy.engine import URL, make_url

from myapi.db import copy_target, engines, migrate, schema_version
from myapi.db.copy_target import RefusedError, listed
from myapi.db.table_snapshot import Database, Key, Page, Shape, Tally, differing

Tell = Callable[[str], None]

# What a driver quotes of a row that it refuses: people's data.
QUOTED = re.compile(r"'.*?' for (key|column)")

# Dates as they are; an id of 0 stays 0; what does not fit is refused, and not cut off.
MANNERS = (
    "SET SESSION time_zone = '+00:00',"
    " sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'"
)


AGAIN = "If anything writes to either of them, stop it; then run this again"


class CopyError(Exception):
    """Why the copy is not whole; the text says what to do."""


def run(source_url: str, target_url: str, tell: Tell) -> dict[str, Tally]:
    """Make the target equal to the source; return what each table of both holds.

    Raises `CopyError` where they differ in the end, and `RefusedError` where the target is none.
    """
    with _opened(source_url, "database") as source, _opened(target_url, "target") as target:
        if _identity(source) == _identity(target):
            raise RefusedError("the target is the database itself")
        shapes = _shapes(source)
        name, heads = _name(source.engine.url), schema_version.heads()
        ours = copy_target.prepare(
            target, name, shapes, heads, lambda: migrate.upgrade(target.engine)
        )
        _must_be_alike(shapes, target.reflect())
        if not ours:
            return _as_it_is(source, target, shapes, tell)
        _copy(source, target, shapes, tell)
        try:
            tallies = _compare(source, target, shapes, tell)
        except CopyError as difference:
            raise CopyError(f"{difference}. {AGAIN}") from None
        copy_target.finish(target)
        return tallies


@contextmanager
def _opened(url: str, what: str) -> Iterator[Database]:
    try:
        database = Database(engines.separate_engine(_absolute(make_url(url))))
        if database.mysql:
            database.say(MANNERS)
    except (sqlalchemy.exc.SQLAlchemyError, OSError, TypeError, ValueError) as error:
        cause = getattr(error, "orig", None) or error
        raise CopyError(f"the {what} cannot be opened: {(cause.args or ('',))[-1]}") from None
    with closing(database):
        yield database


def _absolute(url: URL) -> str:
    """Take a relative path of SQLite as the settings do: from the instance folder."""
    if url.get_backend_name() == "sqlite" and not str(url.database).startswith("file:"):
        url = url.set(database=str(Path(current_app.instance_path) / str(url.database)))
    return url.render_as_string(hide_password=False)


def _identity(database: Database) -> tuple[Any, ...]:
    """Return what two names of one database have in common."""
    if database.mysql:
        asked = database.connection.exec_driver_sql("SELECT @@hostname, @@port, DATABASE()")
        return tuple(asked.one())
    file = database.connection.exec_driver_sql("PRAGMA database_list").one()[2]
    found = os.stat(file)  # noqa: PTH116
    return found.st_dev, found.st_ino


def _name(url: URL) -> str:
    """Name a database without its user and password, so that a stopped copy is known again."""
    plain = URL.create(url.get_backend_name(), None, None, url.host, url.port, url.database)
    here = socket.gethostname() if plain.host is None else ""
    return f"{plain.render_as_string()} {here}".strip()[:512]


def _shapes(source: Database) -> list[Shape]:
    found, wanted = copy_target.revisions_of(source), schema_version.heads()
    if found != wanted:
        raise RefusedError(
            f"the database is at revision {listed(found)}, and this code at {listed(wanted)}:"
            " run `flask db upgrade`, or take the code that the database belongs to"
        )
    shapes = source.reflect()
    without = [shape.name for shape in shapes if not shape.key]
    if without:
        raise RefusedError(f"cannot copy a table without a primary key: {', '.join(without)}")
    return shapes


def _must_be_alike(shapes: list[Shape], there: list[Shape]) -> None:
    columns = {shape.name: set(shape.columns) for shape in there}
    for shape in shapes:
        if columns.get(shape.name) != set(shape.columns):
            raise RefusedError(f"{shape.name}: the target's table has other columns")


def _as_it_is(
    source: Database, target: Database, shapes: list[Shape], tell: Tell
) -> dict[str, Tally]:
    """Accept a target that holds the same already; of any other one not a row is touched."""
    try:
        return _compare(source, target, shapes, tell)
    except CopyError as difference:
        raise RefusedError(
            "the target holds rows that no unfinished copy of this database left there, and they"
            f" are left alone ({difference})"
        ) from None


def _copy(source: Database, target: Database, shapes: list[Shape], tell: Tell) -> None:
    with source.moment():
        with _foreign_keys_off(target):
            for shape in reversed(shapes):
                _take_out(source, target, shape, tell)
        for shape in shapes:
            _bring_over(source, target, shape, tell)


@contextmanager
def _foreign_keys_off(target: Database) -> Iterator[None]:
    """Let single rows go without those that refer to them; these go too, or their row comes back.

    It holds while rows are taken out. Each row that comes in is checked.
    """
    switch = "SET SESSION foreign_key_checks =" if target.mysql else "PRAGMA foreign_keys ="
    target.say(f"{switch} OFF")
    try:
        yield
    finally:
        target.say(f"{switch} ON")


def _take_out(source: Database, target: Database, shape: Shape, tell: Tell) -> None:
    """Delete from the target what the source has not, or has otherwise."""
    looked_at = 0
    for page in target.pages(shape):
        true = source.find(shape, page.keys())
        wrong = [key for key, row in page.items() if key not in true or differing(true[key], row)]
        if wrong:
            target.connection.execute(
                delete(target.tables[shape.name]).where(target.among(shape, wrong))
            )
        looked_at += len(page)
        tell(f"{shape.name}: {looked_at} rows looked at")


def _bring_over(source: Database, target: Database, shape: Shape, tell: Tell) -> None:
    total, done = source.count(shape), 0
    fresh = target.count(shape) == 0
    for page in source.pages(shape):
        there: Page = {} if fresh else target.find(shape, page.keys())
        _insert(target, shape, {key: row for key, row in page.items() if key not in there})
        done += len(page)
        tell(f"{shape.name}: {done} of {total} rows copied")


def _insert(target: Database, shape: Shape, page: Page) -> None:
    """Write a page in one transaction; PyMySQL keeps each statement below 1 MB."""
    if not page:
        return
    try:
        _write(target, shape, list(page.values()))
    except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.DataError) as error:
        if len(page) == 1:
            cause = QUOTED.sub(r"a value for \1", str((error.orig or error).args[-1]))
            raise CopyError(
                f"{shape.name}: the target refuses the row {_row(shape, next(iter(page)))}: {cause}"
            ) from None
        for key, row in page.items():  # to find out which
            _insert(target, shape, {key: row})


def _write(target: Database, shape: Shape, rows: Sequence[Any]) -> None:
    target.say("BEGIN")
    try:
        target.connection.execute(insert(target.tables[shape.name]), rows)
        target.say("COMMIT")
    except sqlalchemy.exc.SQLAlchemyError:
        if not target.connection.invalidated:
            target.say("ROLLBACK")
        raise


def _compare(
    source: Database, target: Database, shapes: list[Shape], tell: Tell
) -> dict[str, Tally]:
    """Sum up both as they are now, so that what was written during the copy is found as well."""
    with source.moment(), target.moment():
        tallies = {}
        for shape in shapes:
            tallies[shape.name] = _tally(source, shape, "of the database", tell)
            if _tally(target, shape, "of the target", tell) != tallies[shape.name]:
                found = next(_differences(source, target, shape), "the digests differ")
                raise CopyError(f"{shape.name}: {found}")
    return tallies


def _tally(database: Database, shape: Shape, whose: str, tell: Tell) -> Tally:
    tally = Tally(0, "")
    for tally in database.tally(shape):
        tell(f"{shape.name}: {tally.rows} rows {whose} compared")
    return tally


def _differences(source: Database, target: Database, shape: Shape) -> Iterator[str]:
    for page in source.pages(shape):
        there = target.find(shape, page.keys())
        for key, row in page.items():
            if key not in there:
                yield f"the target lacks the row {_row(shape, key)}"
            elif columns := differing(row, there[key]):
                yield f"the row {_row(shape, key)} differs in {', '.join(columns)}"
    for page in target.pages(shape):
        known = source.find(shape, page.keys())
        for key in page:
            if key not in known:
                yield f"the target alone has the row {_row(shape, key)}"


def _row(shape: Shape, key: Key) -> str:
    values = (value.hex() if isinstance(value, bytes) else str(value) for value in key)
    return ", ".join(f"{name} = {value}" for name, value in zip(shape.key, values, strict=True))
