"""Change the profile of a user."""

import logging
from typing import Any

from sqlalchemy import update

from myapi import audit
from myapi.db.transactions import Transaction, transaction
from myapi.users import accounts, avatar, nickname
from myapi.users.accounts import Account, UserRow
from myapi.users.models import User
from myapi.users.nickname import Doubt
from myapi.web.errors import ApiError

#: What is recorded when a field is cleared, by the user or by an event of WeChat.
REMOVED = {"nickname": "nickname_removed", "avatar_url": "avatar_removed"}


def change_profile(account: Account, changes: dict[str, Any]) -> UserRow:
    """Check a new nickname, then `update_profile`. Raises `content_risky`, `session_ended`."""
    doubt = nickname.check(account, changes.get("nickname"))
    return update_profile(account.id, changes, doubt)


@transaction
def update_profile(
    tx: Transaction, user_id: int, changes: dict[str, Any], doubt: Doubt | None = None
) -> UserRow:
    """Set `nickname`, `avatar_url` or both; None clears one. Raises `session_ended` if erased.

    An `avatar_url` that is not the one shown deletes the uploaded picture. A `doubt` about the
    nickname is logged, for a person to look at it.
    """
    user = accounts.lock(tx, user_id)
    if user is None:
        raise ApiError("session_ended")
    if "avatar_url" in changes:
        if changes["avatar_url"] == avatar.url_of(user.avatar_url):  # sent back with all the rest
            changes = {name: value for name, value in changes.items() if name != "avatar_url"}
        else:
            avatar.discard(tx, user_id)
    if changes:
        tx.execute(update(User).where(User.id == user_id).values(changes))
    for name, event in REMOVED.items():
        if name in changes and changes[name] is None and getattr(user, name) is not None:
            audit.record(tx, event, user=user.public_id)
    if doubt:
        audit.log_after_commit(
            tx,
            "nickname_review",
            level=logging.WARNING,
            user=user.public_id,
            outcome=doubt.outcome,
            label=doubt.label,
            errcode=doubt.errcode,
        )
    return user._replace(**changes)
