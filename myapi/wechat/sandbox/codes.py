"""How the sandbox interprets a login code."""

import re
from typing import NamedTuple

from .errcodes import app_errcode

#: The code that the developer tools send with a tourist AppID (游客模式).
MOCK_CODE = "the code is a mock one"
#: The user of every code that names no other user.
DEVELOPER = "developer"

_NAME = r"[a-z][a-z0-9_-]{0,31}"
_REUSABLE = re.compile(_NAME)
_SINGLE_USE = re.compile(rf"({_NAME})\..*", re.DOTALL)

#: Prefix of a code → errcode. Checked before user names.
_ERRCODES = {"used": 40163, "bad": 40029, "blocked": 40226}


class LoginCode(NamedTuple):
    """A parsed code: the name of its user, and whether it works only once."""

    name: str
    single_use: bool


def login_errcode(appid: str, secret: str, code: str, grant_type: str) -> int | None:
    """Return the errcode of a login whose parameters are wrong, None if they are valid.

    Whether the code was used before is not checked here.
    """
    errcode = app_errcode(appid, secret, grant_type, "authorization_code", then=(not code, 41008))
    if errcode is not None:
        return errcode
    return next((errcode for prefix, errcode in _ERRCODES.items() if code.startswith(prefix)), None)


def parse_code(code: str) -> LoginCode:
    """Parse `NAME` (reusable), `NAME.ANYTHING` (single use) or any other code.

    Any other code is the user `developer`, single use; MOCK_CODE is reusable.
    """
    if code == MOCK_CODE:
        return LoginCode(DEVELOPER, single_use=False)
    if _REUSABLE.fullmatch(code):
        return LoginCode(code, single_use=False)
    named = _SINGLE_USE.fullmatch(code)
    return LoginCode(named[1] if named else DEVELOPER, single_use=True)


def is_user_name(code: str) -> bool:
    """Whether a code logs in the user of that name, any number of times."""
    return bool(_REUSABLE.fullmatch(code)) and not code.startswith(tuple(_ERRCODES))
