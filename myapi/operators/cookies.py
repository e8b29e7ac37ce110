"""The operator of a cookie."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, select, update

from myapi import audit
from myapi.clock import now
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.operators import secret
from myapi.operators.models import Operator

RECORD_EVERY = timedelta(minutes=1)


class SignedIn(NamedTuple):
    """The operator of a request. `csrf` is what the forms of this cookie carry."""

    id: int
    name: str
    read_only: bool
    ends_at: datetime
    csrf: str


def find(cookie: str) -> SignedIn | None:
    """Return the operator of a cookie, who acts from now on; None if it is forged or over."""
    digest = secret.digest_of(cookie)
    if digest is None:
        return None
    at = now()
    statement = select(
        Operator.id, Operator.name, Operator.read_only, Operator.ends_at, Operator.last_seen_at
    ).where(Operator.cookie_digest == digest, is_live(at), Operator.appid == settings().appid)
    with reading() as connection:
        row = connection.execute(statement).first()
    if row is None:
        return None
    audit.act_as("operator", row.name)
    if row.last_seen_at is None or row.last_seen_at < at - RECORD_EVERY:
        _record_seen(row.id, at)
    return SignedIn(row.id, row.name, row.read_only, row.ends_at, secret.csrf_token(cookie))


@transaction
def sign_out(tx: Transaction, operator: SignedIn) -> None:
    """End the cookie of an operator, by themselves."""
    this = update(Operator).where(Operator.id == operator.id, Operator.ended_at.is_(None))
    if changed(tx, this.values(ended_at=now())):
        audit.record(tx, "console_closed")


def is_live(at: datetime) -> ColumnElement[bool]:
    return Operator.ended_at.is_(None) & (Operator.ends_at > at)


@transaction
def _record_seen(tx: Transaction, operator_id: int, at: datetime) -> None:
    tx.execute(update(Operator).where(Operator.id == operator_id).values(last_seen_at=at))
