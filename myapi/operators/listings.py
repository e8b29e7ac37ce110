"""List operators, end them, and delete old rows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, case, delete, literal, select, update

from myapi import audit
from myapi.clock import now
from myapi.db.pagination import Page, page
from myapi.db.transactions import Transaction, changed, transaction
from myapi.extensions import settings
from myapi.operators.cookies import is_live
from myapi.operators.links import LINK_AGE
from myapi.operators.models import Operator

#: What the column `state` may be: the link is not used yet; in; or over.
LINK, IN, OVER = "link", "in", "over"
KEPT = timedelta(days=30)


def operators(limit: int, after: int | None = None, *, live: bool | None = None) -> Page:
    """List the operators of our AppID, newest first; those with an open link or a live cookie."""
    at = now()
    where = [Operator.appid == settings().appid]
    if live is not None:
        where.append(_may_act(at) if live else ~_may_act(at))
    columns = select(
        Operator.id,
        Operator.name,
        Operator.read_only,
        Operator.created_at,
        Operator.opened_at,
        Operator.last_seen_at,
        Operator.ends_at,
        Operator.ended_at,
        _state(at).label("state"),
    )
    return page(columns.where(*where), Operator.id, limit, after)


@transaction
def revoke(tx: Transaction, reference: str) -> int | None:
    """End the operator with this id, or all with this name; return how many were ended.

    None if there is none. Names are never digits alone.
    """
    which: ColumnElement[bool] = Operator.name == reference
    if reference.isascii() and reference.isdigit() and len(reference) <= 18:
        which = Operator.id == int(reference)
    found = _rows(tx, which)
    if not found:
        return None
    return _end(tx, [row for row in found if row.ended_at is None and row.ends_at > now()])


@transaction
def revoke_all(tx: Transaction) -> int:
    """End all operators of our AppID, their open links too; return how many were ended."""
    return _end(tx, _rows(tx, is_live(now())))


@transaction
def purge(tx: Transaction) -> int:
    """Delete the rows of operators that have been over for KEPT; return how many."""
    old = now() - KEPT
    return changed(tx, delete(Operator).where(Operator.ends_at < old))


def end_restored(connection: Connection, tables: Mapping[str, Table]) -> None:
    """End all operators of a backup: what was revoked since then would be let in again."""
    table = tables.get(Operator.__tablename__)
    if table is None:  # the backup is older than the console
        return
    not_ended = update(table).where(table.columns.ended_at.is_(None))
    connection.execute(not_ended.values(ended_at=now()))


def _rows(tx: Transaction, which: ColumnElement[bool]) -> list[Row[Any]]:
    columns = select(Operator.id, Operator.name, Operator.ends_at, Operator.ended_at)
    return list(tx.execute(columns.where(which, Operator.appid == settings().appid)))


def _end(tx: Transaction, rows: list[Row[Any]]) -> int:
    for row in rows:
        tx.execute(update(Operator).where(Operator.id == row.id).values(ended_at=now()))
        audit.record(tx, "console_revoked", operator=row.name)
    return len(rows)


def _may_act(at: datetime) -> ColumnElement[bool]:
    return is_live(at) & (Operator.opened_at.is_not(None) | (Operator.created_at > at - LINK_AGE))


def _state(at: datetime) -> ColumnElement[str]:
    return case(
        (~_may_act(at), literal(OVER)),
        (Operator.opened_at.is_(None), literal(LINK)),
        else_=literal(IN),
    )
