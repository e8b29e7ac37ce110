"""WeChat's error replies, and the errcodes of a wrong app."""

import secrets
import time

_ERRMSG = {
    -1: "system error",
    0: "ok",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40014: "invalid access_token",
    40029: "invalid code",
    40097: "invalid args",
    40125: "invalid appsecret",
    40129: "invalid scene value",
    40163: "code been used",
    40164: "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
    40165: "invalid weapp pagepath",
    40212: "invalid query",
    40226: "code blocked",
    40243: "appsecret frozen",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    41030: "invalid page",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    47001: "data format error",
    48001: "api unauthorized",
    61010: "code is expired",
    85079: "miniprogram has no online release",
    85401: "time limit between 1min and 30days",
    85402: "invalid env_version",
    87014: "risky content",
}


def error_reply(errcode: int) -> dict[str, object]:
    """Build WeChat's error reply {errcode, errmsg}; like the real one it ends with a rid."""
    rid = f"{int(time.time()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    return {"errcode": errcode, "errmsg": f"{_ERRMSG.get(errcode, 'sandbox')}, rid: {rid}"}


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
