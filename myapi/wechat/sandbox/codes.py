"""How the sandbox interprets a login code, and WeChat's error replies."""

import re
import secrets
import time
from typing import NamedTuple

#: The code that the developer tools send with a tourist AppID (游客模式).
MOCK_CODE = "the code is a mock one"
#: The user of every code that names no other user.
DEVELOPER = "developer"

_NAME = r"[a-z][a-z0-9_-]{0,31}"
_REUSABLE = re.compile(_NAME)
_SINGLE_USE = re.compile(rf"({_NAME})\..*", re.DOTALL)

#: Prefix of a code → errcode. Checked before user names.
_ERRCODES = {"used": 40163, "bad": 40029, "blocked": 40226}

_ERRMSG = {
    -1: "system error",
    0: "ok",
    40002: "invalid grant_type",
    40013: "invalid appid",
    40029: "invalid code",
    40125: "invalid appsecret",
    40163: "code been used",
    40164: "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
    40226: "code blocked",
    40243: "appsecret frozen",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    45009: "reach max api daily quota limit",
    47001: "data format error",
    45011: "api minute-quota reach limit, must slower, retry next minute",
}


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


def app_errcode(
    appid: str,
    secret: str,
    grant_type: str,
    expected_grant: str,
    *,
    then: tuple[bool, int] = (False, 0),
) -> int | None:
    """Return the errcode of a request with a wrong app or grant type, None if they are valid.

    `then` is one more check, (failed, errcode), between missing parameters and wrong values.
    """
    checks = (
        (not appid, 41002),
        (not secret, 41004),
        (grant_type != expected_grant, 40002),
        then,
        (appid.startswith("bad"), 40013),
        (secret.startswith("bad"), 40125),
        (secret.startswith("frozen"), 40243),
    )
    return next((errcode for failed, errcode in checks if failed), None)


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


def error_reply(errcode: int) -> dict[str, object]:
    """Build WeChat's error reply {errcode, errmsg}; like the real one it ends with a rid."""
    rid = f"{int(time.time()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    return {"errcode": errcode, "errmsg": f"{_ERRMSG.get(errcode, 'sandbox')}, rid: {rid}"}
