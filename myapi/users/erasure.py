"""Erase an account and everything that belongs to it.

Rows of a user are deleted with the user: their foreign key has ON DELETE CASCADE. A feature that
has to do more registers a hook: `register(app, hook)`.
"""

import logging
from collections.abc import Callable
from typing import TypeAlias

from flask import Flask, current_app
from sqlalchemy import delete

from myapi import audit
from myapi.db.transactions import Transaction, transaction
from myapi.users import accounts, events
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
def erase(tx: Transaction, user_id: int) -> None:
    """Erase an account. One that is already erased is no error: the request may be a retry."""
    erase_account(tx, user_id)


def erase_account(tx: Transaction, user_id: int) -> None:
    """Erase an account within another transaction."""
    user = accounts.lock(tx, user_id)
    if user is None:
        return
    hooks: list[Hook] = current_app.extensions["erasures"]
    for hook in hooks:
        hook(tx, user_id)
    tx.execute(delete(User).where(User.id == user_id))
    audit.record(tx, "erase", level=logging.WARNING, user=user.public_id)
    events.announce(tx, "erase", user_id)
