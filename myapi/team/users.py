"""Find a user by what an operator or another program knows of them."""

from typing import NamedTuple

from myapi.users import accounts
from myapi.web.errors import ApiError


class FoundUser(NamedTuple):
    """A user, with the names that `caller()` has."""

    user_id: int
    user: str  # the public id
    openid: str
    nickname: str | None


def find_user(reference: str) -> FoundUser:
    """Return the user with this public id or full openid, or raise `not_found`.

    In a command that is one line on stderr, in a view a 404.
    """
    found = accounts.find(reference)
    if found is None:
        raise ApiError("not_found", "there is no such user", detail_zh="没有这个用户")
    return FoundUser(found.id, found.public_id, found.openid, found.nickname)
