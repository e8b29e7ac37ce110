"""The result of a login."""

from datetime import datetime
from typing import NamedTuple

from myapi.users.accounts import UserRow


class NewSession(NamedTuple):
    """A session and its token, of which only a digest is stored."""

    token: str
    expires_at: datetime
    user: UserRow
