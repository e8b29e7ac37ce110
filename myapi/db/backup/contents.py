"""What a backup holds, whichever database it is of."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection, Table


class Contents(NamedTuple):
    """A complete backup that was read to its end."""

    revisions: frozenset[str]  # the rows of `alembic_version`
    rows: Mapping[str, int]  # by table
    size: int  # bytes of the database file, or of the uncompressed dump
    references: Mapping[str, set[str]] = {}  # MySQL: tables to which each one's foreign keys lead


# Changes the restored rows before they become the database. It gets the tables of the models by
# name, as they are called on that connection, and returns a number of rows.
Prepare: TypeAlias = Callable[[Connection, Mapping[str, Table]], int]
