"""Links into the console: made by a command, used up once, within five minutes."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import Row, insert, select, update

from myapi import audit
from myapi.clock import now
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.operators import secret
from myapi.operators.models import Operator

LINK_AGE = timedelta(minutes=5)


class State(Enum):
    OPEN = "open"
    OVER = "over"  # used, too old, or revoked


class Link(NamedTuple):
    name: str
    read_only: bool
    state: State


class Opened(NamedTuple):
    """The secret of a cookie, and when it ends."""

    cookie: str
    ends_at: datetime


@transaction
def make(tx: Transaction, name: str, lives: timedelta, *, read_only: bool) -> str:
    """Make an operator; return the secret of the link. The cookie will live until `lives` from now.

    A transaction may run twice, so the secret is made in it: only that of the row is returned.
    """
    made, at = secret.new(), now()
    values = {
        "appid": settings().appid,
        "name": name,
        "read_only": read_only,
        "link_digest": made.digest,
        "created_at": at,
        "ends_at": at + lives,
    }
    tx.execute(insert(Operator).values(values))
    audit.record(tx, "console_link", operator=name)
    return made.text


def look(text: str) -> Link | None:
    """Return the link of a secret, and whether it is open. This changes nothing. None: unknown."""
    digest = secret.digest_of(text)
    if digest is None:
        return None
    ours = (Operator.link_digest == digest, Operator.appid == settings().appid)
    with reading() as connection:
        row = connection.execute(_SELECT.where(*ours)).first()
    return None if row is None else Link(row.name, row.read_only, _state(row))


@transaction
def use(tx: Transaction, text: str) -> Opened | None:
    """Use a link up; return the cookie that it gives, None if the link is not open.

    Of two requests at once one wins: the UPDATE is conditional.
    """
    digest, made, at = secret.digest_of(text), secret.new(), now()
    is_open = (
        Operator.link_digest == digest,
        Operator.appid == settings().appid,
        Operator.opened_at.is_(None),
        Operator.ended_at.is_(None),
        Operator.created_at > at - LINK_AGE,
        Operator.ends_at > at,
    )
    values = {"opened_at": at, "last_seen_at": at, "cookie_digest": made.digest}
    if digest is None or not changed(tx, update(Operator).where(*is_open).values(values)):
        return None
    row = tx.execute(_SELECT.where(Operator.link_digest == digest)).one()
    audit.act_as("operator", row.name)
    audit.record(tx, "console_opened")
    return Opened(made.text, row.ends_at)


_SELECT = select(
    Operator.name,
    Operator.read_only,
    Operator.created_at,
    Operator.opened_at,
    Operator.ended_at,
    Operator.ends_at,
)


def _state(row: Row[Any]) -> State:
    at = now()
    unused = row.opened_at is None and row.ended_at is None
    young = row.created_at > at - LINK_AGE and row.ends_at > at
    return State.OPEN if unused and young else State.OVER
