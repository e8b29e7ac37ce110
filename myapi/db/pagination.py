"""Keyset pagination: a page continues after the last row of the page before, by primary key.

No row is skipped or shown twice while others are inserted or deleted, and page 1000 is as fast as
page 1.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select
from sqlalchemy.orm import InstrumentedAttribute

from myapi.db.transactions import reading


class Page(NamedTuple):
    """The rows of a page, and the cursor of the next page if there is one."""

    rows: Sequence[Row[Any]]
    next: str | None


def by_no_index(column: InstrumentedAttribute[str]) -> ColumnElement[str]:
    """Return a column in a form for which no index is used.

    For a condition that nearly all rows meet: by its index a database would read and sort all of
    them for each page, in place of the few that it shows.
    """
    return column.concat("")


def page(
    statement: Select[Any],
    key: InstrumentedAttribute[int],
    limit: int,
    after: int | None,
    values: dict[str, Any] | None = None,
) -> Page:
    """Read at most `limit` rows, newest first. `values` are the statement's parameters."""
    if after is not None:
        statement = statement.where(key < after)
    with reading() as connection:
        ordered = statement.order_by(key.desc()).limit(limit + 1)
        found = connection.execute(ordered, values).all()
    rows = found[:limit]
    return Page(rows, str(rows[-1].id) if len(found) > limit else None)
