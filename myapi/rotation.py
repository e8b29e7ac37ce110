"""Rotate the secret keys while tokens are in use: none is refused until its key is taken out.

Any key verifies and the last one signs. So, with a restart of every process after each step:

1. add: a new key comes first. It verifies, and the old one still signs.
2. sign: it goes last. It signs, and by now every process knows it.
3. retire: the keys before it are taken out, once what the database keeps sealed has been moved
   to the last one (`reseal`) and the tokens of the old ones have expired.

A key made here carries a number, one higher than any beside it. It tells which one is the newer
of two, and so which step comes next; nothing else about keys shows that.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, select, update
from sqlalchemy.orm import InstrumentedAttribute

from myapi import audit, checks
from myapi.database import Transaction, changed, reading, transaction
from myapi.extensions import keyring
from myapi.keyring import Keyring
from myapi.models import DataKey, User

# What may be done where the next step is this one: another key may join before an old one goes.
ALLOWED = {"add": {"add"}, "sign": {"sign"}, "retire": {"retire", "add"}}
STEPS = tuple(ALLOWED)
NUMBER = re.compile(r"key([0-9]{1,6})-")

# Where secrets are kept, and by what they are found.
SEALED: tuple[tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]], ...] = (
    (DataKey.name, DataKey.sealed),
    (User.id, User.session_key),
)
BATCH = 200  # rows; logins on them wait for as long as one takes


class StepError(Exception):
    """A step that cannot be taken with the keys as they are; the text says why."""


class Progress(NamedTuple):
    """How many stored secrets a batch looked at, moved to the last key, and could not read."""

    seen: int
    moved: int
    unreadable: int


def next_step(keys: Sequence[str]) -> str:
    """Tell which step comes next, or raise `StepError` where the keys do not show it."""
    if len(keys) == 1:
        return "add"
    numbers = [_number(key) for key in keys]
    if numbers.count(max(numbers)) == 1:
        if numbers[0] == max(numbers):
            return "sign"
        if numbers[-1] == max(numbers):
            return "retire"
    raise StepError(
        "the keys do not show which of them is the newest: say --step add, sign or retire"
    )


def take(keys: Sequence[str], step: str) -> tuple[str, ...]:
    """Return the keys after `step`, or raise `StepError` where it would come at a wrong time."""
    try:
        expected = next_step(keys)
    except StepError:
        expected = step  # whoever names it knows
    if step not in ALLOWED[expected]:
        raise StepError(f"with the keys as they are the next step is {expected}, not {step}")
    if step == "add":
        return (_new_key(keys), *keys)
    return (*keys[1:], keys[0]) if step == "sign" else (keys[-1],)


def note(event: str, **fields: object) -> None:
    audit.log.warning(event, extra={"event": event, **fields})


def reseal() -> Iterator[Progress]:
    """Move the stored secrets to the last key, in batches; broken off, it can begin again."""
    for key, column in SEALED:
        for rows in _batches(key, column):
            fresh = [(row[0], row[1], keyring().reseal(row[1])) for row in rows]
            moved = _replace(key, column, [change for change in fresh if change[2]])
            yield Progress(len(rows), moved, _unreadable(keyring(), rows))


def survey(keys: Sequence[str]) -> Iterator[Progress]:
    """Look, in batches, whether these keys alone open the stored secrets."""
    ring = Keyring(keys)
    for key, column in SEALED:
        for rows in _batches(key, column):
            yield Progress(len(rows), 0, _unreadable(ring, rows))


def _number(key: str) -> int:
    found = NUMBER.match(key)
    return int(found[1]) if found else 0


def _new_key(keys: Sequence[str]) -> str:
    return f"key{max(map(_number, keys)) + 1}-{checks.new_secret_key()}"


def _batches(
    key: InstrumentedAttribute[Any], column: InstrumentedAttribute[Any]
) -> Iterator[Sequence[Row[Any]]]:
    statement = select(key, column).where(column.is_not(None)).order_by(key).limit(BATCH)
    rows = _read(statement)
    while rows:
        yield rows
        rows = _read(statement.where(key > rows[-1][0]))


def _read(statement: Any) -> Sequence[Row[Any]]:  # noqa: ANN401
    with reading() as connection:
        rows: Sequence[Row[Any]] = connection.execute(statement).all()
    return rows


def _unreadable(ring: Keyring, rows: Sequence[Row[Any]]) -> int:
    return sum(ring.unseal(row[1]) is None for row in rows)


@transaction
def _replace(
    tx: Transaction,
    key: InstrumentedAttribute[Any],
    column: InstrumentedAttribute[Any],
    changes: Sequence[tuple[Any, bytes, bytes | None]],
) -> int:
    """Write what was sealed anew, except where a login has put a newer secret meanwhile."""
    return sum(
        changed(tx, update(column.class_).where(key == name, column == old).values({column: new}))
        for name, old, new in changes
    )
