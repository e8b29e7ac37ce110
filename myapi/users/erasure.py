"""Erase an account and everything that belongs to it.

Rows of a user are deleted with the user: their foreign key has ON DELETE CASCADE. A feature that
has to do more registers a hook: `register(app, hook)`.
"""

import functools
from collections.abc import Callable
from typing import TypeAlias

from flask import Flask, current_app
from sqlalchemy import delete

from myapi import audit
from myapi.db.transactions import Transaction, after_commit, transaction
from myapi.extensions import hourly
from myapi.users import accounts, events, total
from myapi.users.models import User

#: Called as (tx, user_id) before the row of the user is deleted, in the same transaction. If it
#: raises, the erasure is rolled back.
Hook: TypeAlias = Callable[[Transaction, int], None]


def init_app(app: Flask) -> None:
    app.extensions["erasures"] = []


def register(app: Flask, hook: Hook) -> None:
    """Call `hook` whenever an account is erased."""
    app.extensions["erasures"].append(hook)


@transaction
def erase(tx: Transaction, user_id: int, reason: str | None = None) -> None:
    """Erase an account. One that is already erased is no error: the request may be a retry."""
    erase_account(tx, user_id, reason)


def erase_account(tx: Transaction, user_id: int, reason: str | None = None) -> None:
    """Erase an account within another transaction."""
    user = accounts.lock(tx, user_id)
    if user is None:
        return
    hooks: list[Hook] = current_app.extensions["erasures"]
    for hook in hooks:
        hook(tx, user_id)
    tx.execute(delete(User).where(User.id == user_id))
    audit.record_erasure(tx, user.public_id, reason)
    after_commit(tx, functools.partial(hourly().count, total.ERASE))
    events.announce(tx, "erase", user_id)
