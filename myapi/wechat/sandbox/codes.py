"""How the sandbox reads a code, and the words in which WeChat refuses one."""

import re
import secrets
import time
from typing import NamedTuple

#: What the developer tool sends with a tourist AppID.
MOCK_CODE = "the code is a mock one"
#: Who every other code is.
DEVELOPER = "developer"

_NAME = r"[a-z][a-z0-9_-]{0,31}"
_LASTING = re.compile(_NAME)
_ONCE = re.compile(rf"({_NAME})\..*", re.DOTALL)

#: Beginning of a code → errcode. These win over names.
_REFUSED = {"used": 40163, "bad": 40029, "blocked": 40226}

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


class Visitor(NamedTuple):
    """Who a code stands for, and whether it works once alone."""

    name: str
    once: bool


def refused(appid: str, secret: str, code: str, grant_type: str) -> int | None:
    """Return the errcode of a login that is wrong by itself, before any state is looked at."""
    missing = refused_app(appid, secret, grant_type, "authorization_code", also=(not code, 41008))
    if missing is not None:
        return missing
    found = [errcode for beginning, errcode in _REFUSED.items() if code.startswith(beginning)]
    return found[0] if found else None


def refused_app(
    appid: str,
    secret: str,
    grant_type: str,
    wanted: str,
    *,
    also: tuple[bool, int] = (False, 0),
) -> int | None:
    """Return the errcode of a request whose app is wrong, or whose grant is not `wanted`.

    `also` is one thing more that is looked at before what the app and its secret are.
    """
    checks = (
        (not appid, 41002),
        (not secret, 41004),
        (grant_type != wanted, 40002),
        also,
        (appid.startswith("bad"), 40013),
        (secret.startswith("bad"), 40125),
        (secret.startswith("frozen"), 40243),
    )
    return next((errcode for wrong, errcode in checks if wrong), None)


def visitor(code: str) -> Visitor:
    """Read `NAME` (lasting), `NAME.ANYTHING` (once), or any other code (the developer, once)."""
    if code == MOCK_CODE:
        return Visitor(DEVELOPER, once=False)
    if _LASTING.fullmatch(code):
        return Visitor(code, once=False)
    named = _ONCE.fullmatch(code)
    return Visitor(named[1] if named else DEVELOPER, once=True)


def refusal(errcode: int) -> dict[str, object]:
    """Build the reply that WeChat would give, with a rid as in the real ones."""
    rid = f"{int(time.time()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    return {"errcode": errcode, "errmsg": f"{_ERRMSG.get(errcode, 'sandbox')}, rid: {rid}"}
