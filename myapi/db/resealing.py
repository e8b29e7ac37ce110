"""Reseal the stored secrets under the last secret key.

Secrets are stored in the columns that a model marks with `info=SEALED`. They are resealed in
batches. After an interruption the command can simply be run again.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Row, Select, select, update

from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import Base, keyring
from myapi.security.keyring import Keyring

BATCH = 200  # rows; a login that updates one of them waits for at most one batch


class Progress(NamedTuple):
    """How many stored secrets of a batch were read, resealed, and could not be unsealed."""

    seen: int
    resealed: int
    unreadable: int


def reseal() -> Iterator[Progress]:
    """Reseal every stored secret that is sealed under an older key."""
    for key, column in _sealed_columns():
        for rows in _batches(key, column):
            values = [(row[0], row[1], keyring().reseal(row[1])) for row in rows]
            resealed = _replace(key, column, [value for value in values if value[2]])
            yield Progress(len(rows), resealed, _unreadable(keyring(), rows))


def survey(keys: Sequence[str]) -> Iterator[Progress]:
    """Count the stored secrets that `keys` alone cannot unseal."""
    ring = Keyring(keys)
    for key, column in _sealed_columns():
        for rows in _batches(key, column):
            yield Progress(len(rows), 0, _unreadable(ring, rows))


def _sealed_columns() -> Iterator[tuple[Column[Any], Column[Any]]]:
    """Yield the primary key and the sealed column of each table that has one."""
    for table in Base.metadata.sorted_tables:
        (key, *_) = table.primary_key.columns
        for column in table.columns:
            if column.info.get("sealed"):
                yield key, column


def _batches(key: Column[Any], column: Column[Any]) -> Iterator[Sequence[Row[Any]]]:
    statement = select(key, column).where(column.is_not(None)).order_by(key).limit(BATCH)
    rows = _read(statement)
    while rows:
        yield rows
        rows = _read(statement.where(key > rows[-1][0]))


def _read(statement: Select[Any]) -> Sequence[Row[Any]]:
    with reading() as connection:
        return connection.execute(statement).all()


def _unreadable(ring: Keyring, rows: Sequence[Row[Any]]) -> int:
    return sum(ring.unseal(row[1]) is None for row in rows)


@transaction
def _replace(
    tx: Transaction,
    key: Column[Any],
    column: Column[Any],
    changes: Sequence[tuple[Any, bytes, bytes | None]],
) -> int:
    """Store the resealed secrets, except where a login has stored a newer one meanwhile."""
    return sum(
        changed(tx, update(column.table).where(key == name, column == old).values({column: new}))
        for name, old, new in changes
    )
