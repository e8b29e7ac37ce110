"""All that is held about a user, for that person to have.

Each feature registers what it holds: `register(app, "notes", held_about)`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from flask import Flask, current_app
from sqlalchemy import Connection

from myapi.clock import iso
from myapi.db.transactions import reading
from myapi.users.accounts import UserRow

#: Called as (connection, user_id); returns what JSON can hold, without secrets.
HeldAbout: TypeAlias = Callable[[Connection, int], Any]


def init_app(app: Flask) -> None:
    app.extensions["exports"] = {}


def register(app: Flask, name: str, held_about: HeldAbout) -> None:
    """Add what a feature holds about a user to the export, as the field `name`."""
    app.extensions["exports"][name] = held_about


def export(user: UserRow) -> dict[str, Any]:
    """Gather all that is held about a user. No secret is in it."""
    exports: dict[str, HeldAbout] = current_app.extensions["exports"]
    with reading() as connection:
        held = {name: held_about(connection, user.id) for name, held_about in exports.items()}
    return {
        "id": user.public_id,
        "appid": user.appid,
        "openid": user.openid,
        "unionid": user.unionid,
        "nickname": user.nickname,
        "avatar_url": user.avatar_url,
        "created_at": iso(user.created_at),
        "banned_at": user.banned_at and iso(user.banned_at),
        "session_key_stored": user.session_key_at is not None,
        **held,
    }
