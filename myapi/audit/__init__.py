"""What was done to users and to the service: a row in `myapi_audit`, and a log line.

Logins and logouts are log lines alone: a login costs no further statement. docs/decisions/
0029-audit.md says why the actor is kept in `flask.g`, and what an erasure leaves.
"""

import functools
import json
import logging
import unicodedata
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import sqlalchemy.exc
from flask import Flask, g, has_request_context, request
from sqlalchemy import insert, update

from myapi.audit.hours_writer import HoursWriter
from myapi.audit.models import DETAILS_LENGTH, NAME_LENGTH, REASON_LENGTH, AuditEntry
from myapi.clock import now
from myapi.db.transactions import Transaction, after_commit, write
from myapi.extensions import settings

log = logging.getLogger(__name__)

Kind: TypeAlias = Literal["operator", "command", "user", "event", "system"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CALLER = "myapi.caller"  # in the WSGI environ of a request with a session; `web.access` sets it


class Actor(NamedTuple):
    """Who does something; `name` is the operator's, the OS user's of a command, or the event's."""

    kind: Kind
    name: str | None = None

    def __str__(self) -> str:
        return self.kind if self.name is None else f"{self.kind} {self.name}"


def init_app(app: Flask) -> None:
    app.extensions["hours_writer"] = HoursWriter(app)


def act_as(kind: Kind, name: str | None = None) -> None:
    """Say who acts in this app context: one request, command or event.

    Its use-cases need no parameter for it. A user needs no call: see `actor`.
    """
    g.actor = Actor(kind, None if name is None else name[:NAME_LENGTH])


def actor() -> Actor:
    """Return who acts: as `act_as` said, or the user of a request with a session, or the system."""
    said: Actor | None = g.get("actor")
    if said is not None:
        return said
    return Actor("user" if has_request_context() and CALLER in request.environ else "system")


def clean_reason(text: str | None) -> str | None:
    """Return a reason as it is stored: without white space around it, None if nothing is left.

    Raises ValueError unless it is one line of at most REASON_LENGTH characters.
    """
    reason = (text or "").strip()
    unseen = {"Cc", "Cs", "Zl", "Zp"}  # control characters, half characters, line ends
    if len(reason) > REASON_LENGTH or any(unicodedata.category(each) in unseen for each in reason):
        raise ValueError(f"a reason is one line of at most {REASON_LENGTH} characters")
    return reason or None


def record(
    tx: Transaction,
    event: str,
    *,
    user: str | None = None,
    reason: str | None = None,
    level: int = logging.INFO,
    **details: Any,  # noqa: ANN401
) -> None:
    """Add a row in the transaction of the change; log it once `tx` is committed.

    `user` is the public id of the user it is done to. `details` are also fields of the log line:
    numbers and public ids, never secrets, openids, phone numbers or nicknames. The reason is free
    text, so it is in the row alone.
    """
    _insert(tx, event, user, reason, details)
    _log_after_commit(tx, event, level, user, details)


def record_erasure(tx: Transaction, user: str, reason: str | None) -> None:
    """Record that an account is erased, and make all rows about it name no user.

    Reasons and details of earlier rows may tell of the person, so they go as well.
    """
    theirs = update(AuditEntry).where(AuditEntry.user == user)
    tx.execute(theirs.values(user=None, reason=None, details=None))
    _insert(tx, "erase", None, reason, {})
    _log_after_commit(tx, "erase", logging.WARNING, user, {})


def record_now(event: str, *, level: int = logging.WARNING, **details: Any) -> None:  # noqa: ANN401
    """Record what changed something outside of the database, such as a file of keys.

    It is done already: if the row cannot be written, the log line and an error have to do.
    """
    log_now(event, level=level, actor=str(actor()), **details)
    try:
        write(lambda tx: _insert(tx, event, None, None, details))
    except sqlalchemy.exc.SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error)
        log.error(  # noqa: TRY400 (no traceback: the database is down, or not migrated)
            "%s is not in the audit table: %s", event, cause, extra={"event": "audit_failed"}
        )


def log_after_commit(
    tx: Transaction,
    event: str,
    *,
    level: int = logging.INFO,
    **fields: Any,  # noqa: ANN401
) -> None:
    """Log `event` once `tx` is committed, without a row; if it is rolled back, nothing."""
    after_commit(tx, functools.partial(log_now, event, level=level, **fields))


def log_now(event: str, *, level: int = logging.WARNING, **fields: Any) -> None:  # noqa: ANN401
    """Log an event that belongs to no transaction, without a row."""
    log.log(level, event, extra={"event": event, **fields})


def _insert(
    tx: Transaction,
    event: str,
    user: str | None,
    reason: str | None,
    details: dict[str, Any],
) -> None:
    by = actor()
    values = {
        "appid": settings().appid,
        "at": now(),
        "actor_kind": by.kind,
        "actor_name": by.name,
        "event": event,
        "user": user,
        "reason": clean_reason(reason),
        "details": _json(details),
    }
    tx.execute(insert(AuditEntry), values)


def _json(details: dict[str, Any]) -> str | None:
    if not details:
        return None
    text = json.dumps(details, ensure_ascii=True)
    if len(text) > DETAILS_LENGTH:
        raise ValueError("the details are too long")
    return text


def _log_after_commit(
    tx: Transaction, event: str, level: int, user: str | None, details: dict[str, Any]
) -> None:
    fields = {"actor": str(actor()), **details}
    if user is not None:
        fields["user"] = user
    log_after_commit(tx, event, level=level, **fields)
