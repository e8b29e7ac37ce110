"""What a login gives."""

from datetime import datetime
from typing import NamedTuple

from myapi.users.accounts import UserRow


class NewSession(NamedTuple):
    """A fresh session. The token is shown here once and stored nowhere."""

    token: str
    expires_at: datetime
    user: UserRow
