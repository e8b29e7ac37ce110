"""Export everything that is stored about a user.

Each feature registers an exporter of its own data: `register(app, "notes", export_notes)`.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from flask import Flask, current_app
from sqlalchemy import Connection, select

from myapi import audit
from myapi.audit import listings
from myapi.audit.models import AuditEntry
from myapi.clock import iso
from myapi.db.transactions import Transaction, reading, transaction
from myapi.users import accounts
from myapi.users.accounts import UserRow
from myapi.users.avatar import url_of
from myapi.users.models import User
from myapi.users.phone import unsealed

#: Called as (connection, user_id); returns what can be written as JSON, without secrets.
Exporter: TypeAlias = Callable[[Connection, int], Any]

USER_FIELDS: dict[str, Callable[[UserRow], Any]] = {
    "id": lambda user: user.public_id,
    "appid": lambda user: user.appid,
    "openid": lambda user: user.openid,
    "unionid": lambda user: user.unionid,
    "nickname": lambda user: user.nickname,
    "avatar_url": lambda user: url_of(user.avatar_url),
    "phone": lambda user: unsealed(user.phone),
    "created_at": lambda user: iso(user.created_at),
    "banned_at": lambda user: user.banned_at and iso(user.banned_at),
    "session_key_stored": lambda user: user.session_key_at is not None,
}


def init_app(app: Flask) -> None:
    app.extensions["exports"] = {}
    register(app, AuditEntry.__tablename__, audit_entries)


def fields_of(app: Flask) -> set[str]:
    """Return the names of all fields of an export."""
    return {*USER_FIELDS, *app.extensions["exports"]}


def register(app: Flask, name: str, exporter: Exporter) -> None:
    """Add what `exporter` returns to every export, as the field `name`."""
    app.extensions["exports"][name] = exporter


def export(user: UserRow, reason: str | None = None) -> dict[str, Any]:
    """Return everything that is stored about a user, without secrets, and record that.

    Raises `not_found` if the user was erased.
    """
    _record(user.id, reason)
    exporters: dict[str, Exporter] = current_app.extensions["exports"]
    with reading() as connection:
        of_features = {name: export(connection, user.id) for name, export in exporters.items()}
    return {**{name: of(user) for name, of in USER_FIELDS.items()}, **of_features}


@transaction
def _record(tx: Transaction, user_id: int, reason: str | None) -> None:
    user = accounts.get_or_404(tx, user_id)
    audit.record(tx, "export", level=logging.WARNING, user=user.public_id, reason=reason)


def audit_entries(connection: Connection, user_id: int) -> list[dict[str, Any]]:
    """Return what was done to a user, for the export."""
    public_id = connection.scalar(select(User.public_id).where(User.id == user_id))
    return listings.of_user(connection, str(public_id))
