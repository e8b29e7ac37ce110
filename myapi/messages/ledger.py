"""The ledger: how many messages of each template a user still permits.

A permission of WeChat is for one message. Two witnesses tell of each "accept": WeChat by an event,
and the phone. Either may be missing, so neither is added to the other. All changes are made under
the lock of the user's row.
"""

import hashlib
import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from myapi.clock import iso
from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, changed, transaction
from myapi.messages.models import FAILED, WAITING, Message, Permission, PermissionReport
from myapi.messages.rules import is_template_id
from myapi.users import accounts
from myapi.web.errors import ApiError

log = logging.getLogger(__name__)

#: For how long a report that is sent again counts no second time.
REPORT_AGE = timedelta(days=40)
#: How many reports of one user are remembered, and how many templates and messages are counted: a
#: phone may tell anything.
MAX_REPORTS, MAX_TEMPLATES, MAX_LEFT = 200, 50, 1000
BATCH = 500

Witness = Literal["by_events", "by_phone"]


class Left(NamedTuple):
    """How many messages of a template may be sent to a user."""

    template_id: str
    left: int


@transaction
def report(
    tx: Transaction,
    user_id: int,
    witness: Witness,
    report_id: str,
    results: Collection[tuple[str, str]],
) -> bool:
    """Count what a user answered: pairs of template and text, each once for each `report_id`.

    A text that begins with `accept` is one permission, `reject` ends all; any other is none.
    Returns False if this report has been counted before, or the user was erased.
    """
    if not results or accounts.lock(tx, user_id) is None:
        return False
    at = database_now(tx)
    if not _is_new(tx, user_id, f"{witness}\0{report_id}", at):
        return False
    for template_id, answer in results:
        if is_template_id(template_id):
            if answer.startswith("accept"):
                _add(tx, user_id, template_id, witness)
            elif answer == "reject":
                end(tx, user_id, template_id, at)
    return True


def permissions(connection: Connection, user_id: int) -> list[Left]:
    """Return what a user permits, by template; one without any left is there too."""
    rows = connection.execute(_OF_USER, {"user_id": user_id})
    return [Left(row.template_id, _left(row)) for row in rows]


def reserve(tx: Transaction, user_id: int, template_id: str) -> None:
    """Use one permission, or raise `message_not_permitted`. The user's row must be locked."""
    one = _OF_USER.where(Permission.template_id == template_id)
    row = tx.execute(one, {"user_id": user_id}).first()
    if row is None or _left(row) < 1:
        raise ApiError("message_not_permitted")
    tx.execute(_of(user_id, template_id).values(sent=Permission.sent + 1))


def use(tx: Transaction, user_id: int, template_id: str) -> None:
    """Count a message that was given back, and has arrived after all."""
    tx.execute(_of(user_id, template_id).values(sent=Permission.sent + 1))


def give_back(tx: Transaction, user_id: int, template_id: str, since: datetime) -> None:
    """Take back `reserve` of this time, unless the user has said no since then."""
    unended = (Permission.ended_at.is_(None)) | (Permission.ended_at < since)
    used = _of(user_id, template_id).where(Permission.sent > 0, unended)
    tx.execute(used.values(sent=Permission.sent - 1))


def end(tx: Transaction, user_id: int, template_id: str, at: datetime) -> None:
    """Leave no permission, and send nothing that is queued: the user, or WeChat, has said no."""
    mine = (Message.user_id == user_id, Message.template_id == template_id)
    refused = {"state": FAILED, "error": "message_not_permitted", "content": None, "once": None}
    tx.execute(update(Message).where(*mine, Message.state == WAITING).values(refused))
    nothing = {"by_events": Permission.sent, "by_phone": Permission.sent, "ended_at": at}
    tx.execute(_of(user_id, template_id).values(nothing))


def export(connection: Connection, user_id: int) -> list[dict[str, Any]]:
    """Return what a user permits, for the export."""
    return [each._asdict() for each in permissions(connection, user_id)]


def export_reports(connection: Connection, user_id: int) -> list[dict[str, str]]:
    """Return when a user was asked, for the export."""
    mine = select(PermissionReport.created_at).where(PermissionReport.user_id == user_id)
    return [{"reported_at": iso(at)} for at in connection.scalars(mine)]


@transaction
def purge_reports(tx: Transaction) -> int:
    """Forget the reports that are too old to be sent again; return how many."""
    old = PermissionReport.created_at < database_now(tx) - REPORT_AGE
    return changed(tx, delete(PermissionReport).where(old))


def _is_new(tx: Transaction, user_id: int, report_id: str, at: datetime) -> bool:
    """Remember a report; False if it is known. The oldest of too many are forgotten."""
    digest = hashlib.sha256(report_id.encode(errors="replace")).digest()
    of_user = PermissionReport.user_id == user_id
    mine = select(PermissionReport.digest).where(of_user)
    if tx.scalar(mine.where(PermissionReport.digest == digest)) is not None:
        return False
    newest_first = mine.order_by(PermissionReport.created_at.desc())
    if surplus := tx.scalars(newest_first.offset(MAX_REPORTS - 1).limit(BATCH)).all():
        tx.execute(delete(PermissionReport).where(of_user, PermissionReport.digest.in_(surplus)))
    tx.execute(insert(PermissionReport).values(user_id=user_id, digest=digest, created_at=at))
    return True


def _add(tx: Transaction, user_id: int, template_id: str, witness: Witness) -> None:
    rows = {row.template_id: row for row in tx.execute(_OF_USER, {"user_id": user_id})}
    row = rows.get(template_id)
    if row is not None:
        if getattr(row, witness) < row.sent + MAX_LEFT:
            tx.execute(_of(user_id, template_id).values({witness: getattr(row, witness) + 1}))
        return
    if len(rows) >= MAX_TEMPLATES:
        used_up = next((each.template_id for each in rows.values() if _left(each) == 0), None)
        if used_up is None:
            log.warning("a user has permitted more templates than are counted")
            return
        tx.execute(delete(Permission).where(*_which(user_id, used_up)))
    counts = {"by_events": 0, "by_phone": 0, "sent": 0, witness: 1}
    tx.execute(insert(Permission).values(user_id=user_id, template_id=template_id, **counts))


def _left(row: Row[Any]) -> int:
    left: int = max(row.by_events, row.by_phone) - row.sent
    return max(0, left)


def _of(user_id: int, template_id: str) -> Update:
    return update(Permission).where(*_which(user_id, template_id))


def _which(user_id: int, template_id: str) -> tuple[ColumnElement[bool], ...]:
    return Permission.user_id == user_id, Permission.template_id == template_id


_OF_USER = (
    select(
        Permission.template_id,
        Permission.by_events,
        Permission.by_phone,
        Permission.sent,
    )
    .where(Permission.user_id == bindparam("user_id"))
    .order_by(Permission.template_id)
)
