"""Change the profile of a user."""

from typing import Any

from sqlalchemy import update

from myapi.db.transactions import Transaction, transaction
from myapi.users import accounts, avatar
from myapi.users.accounts import UserRow
from myapi.users.models import User
from myapi.web.errors import ApiError


@transaction
def update_profile(tx: Transaction, user_id: int, changes: dict[str, Any]) -> UserRow:
    """Set `nickname`, `avatar_url` or both; None clears one. Raises `session_ended` if erased.

    An `avatar_url` that is not the one shown deletes the uploaded picture.
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
    return user._replace(**changes)
