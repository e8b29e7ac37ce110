"""Erase an account with all that belongs to it.

Rows of a user go with the user: their foreign key has ON DELETE CASCADE. A feature that has to do
more registers a hook: `register(app, erase)`.
"""

import logging
from collections.abc import Callable
from typing import TypeAlias

from flask import Flask, current_app
from sqlalchemy import delete

from myapi import audit
from myapi.db.transactions import Transaction, transaction
from myapi.users import accounts
from myapi.users.models import User

#: Called as (tx, user_id) before the row of the user is deleted, in the same transaction.
Erase: TypeAlias = Callable[[Transaction, int], None]


def init_app(app: Flask) -> None:
    app.extensions["erasures"] = []


def register(app: Flask, erase: Erase) -> None:
    """Have a feature do its part whenever an account is erased."""
    app.extensions["erasures"].append(erase)


@transaction
def erase(tx: Transaction, user_id: int) -> None:
    """Erase an account. Erasing it twice is fine: the request may have been sent twice."""
    erase_account(tx, user_id)


def erase_account(tx: Transaction, user_id: int) -> None:
    """Do the same as a part of another transaction."""
    user = accounts.lock(tx, user_id)
    if user is None:
        return
    for hook in current_app.extensions["erasures"]:
        hook(tx, user_id)
    tx.execute(delete(User).where(User.id == user_id))
    audit.record(tx, "erase", level=logging.WARNING, user=user.public_id)
