"""What operators and users see of the audit table, and its purge."""

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, or_, select

from myapi.audit import hours
from myapi.audit.models import AuditEntry
from myapi.clock import iso, now
from myapi.db.pagination import Page, page
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings

BATCH = 1000


def entries(
    limit: int,
    after: int | None = None,
    *,
    user: str | None = None,
    event: str | None = None,
    actor: str | None = None,
) -> Page:
    """List entries of our AppID, the newest first.

    `user` is a public id, `actor` a kind (`command`) or a name. The rows have the columns of the
    table; `details_of` reads the last one.
    """
    where = [AuditEntry.appid == settings().appid]
    for column, value in ((AuditEntry.user, user), (AuditEntry.event, event)):
        if value is not None:
            # MySQL cannot compare other text with an ASCII column.
            where.append(column == (value if value.isascii() else ""))
    if actor is not None:
        by_kind = AuditEntry.actor_kind == (actor if actor.isascii() else "")
        where.append(or_(by_kind, AuditEntry.actor_name == actor))
    return page(_ENTRIES.where(*where), AuditEntry.id, limit, after)


def details_of(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of the list)
    found: dict[str, Any] = json.loads(row.details) if row.details else {}
    return found


def of_user(connection: Connection, user: str) -> list[dict[str, Any]]:
    """Return what was done to a user, for the export: without the names of operators."""
    theirs = _ENTRIES.where(AuditEntry.user == user).order_by(AuditEntry.id)
    return [
        {
            "at": iso(row.at),
            "event": row.event,
            "by": row.actor_kind,
            "reason": row.reason,
            "details": details_of(row),
        }
        for row in connection.execute(theirs)
    ]


def purge_batch() -> int:
    """Delete entries of our AppID that are older than MYAPI_AUDIT_DAYS, BATCH at most.

    Those of another mini program on the same database may live longer, by its own settings.
    """
    old = (
        AuditEntry.appid == settings().appid,
        AuditEntry.at < now() - timedelta(days=settings().audit_days),
    )
    with reading() as connection:
        ids = connection.scalars(select(AuditEntry.id).where(*old).limit(BATCH)).all()
    return _delete(list(ids)) if ids else 0


def purge_hours() -> int:
    """Delete counts of our AppID that are older than MYAPI_AUDIT_DAYS."""
    return hours.purge(now() - timedelta(days=settings().audit_days))


@transaction
def _delete(tx: Transaction, ids: list[int]) -> int:
    return changed(tx, delete(AuditEntry).where(AuditEntry.id.in_(ids)))


_ENTRIES = select(
    AuditEntry.id,
    AuditEntry.at,
    AuditEntry.actor_kind,
    AuditEntry.actor_name,
    AuditEntry.event,
    AuditEntry.user,
    AuditEntry.reason,
    AuditEntry.details,
)
