"""The sandbox's links: they lead nowhere, but look like WeChat's."""

import re
import secrets
import string
import time
from typing import Any

from .wxacode import ENV_VERSIONS

_QUERY = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~%]{0,1024}")
_LETTERS = string.ascii_letters + string.digits
_DAY = 86_400  # s


def body_errcode(body: dict[str, Any] | None, target: object) -> int:
    """Return 0, or the errcode of a body that makes no link. `target` has path and query."""
    if body is None or not isinstance(target, dict):
        return 47001
    path, query = target.get("path", ""), target.get("query", "")
    if not isinstance(path, str) or set(path) & set("?#"):
        return 40165
    if not isinstance(query, str) or not _QUERY.fullmatch(query):
        return 40212
    if target.get("env_version", "release") not in ENV_VERSIONS:
        return 85402
    return 0 if _ends_in_time(body) else 85401


def url_link() -> str:
    return f"https://wxaurl.cn/{_ticket()}"


def scheme() -> str:
    return f"weixin://dl/business/?t={_ticket()}"


def _ends_in_time(body: dict[str, Any]) -> bool:
    """Whether a link ends in a minute to 30 days: at a time, or after days with expire_type 1."""
    if body.get("expire_type", 0) == 1:
        days = body.get("expire_interval")
        return type(days) is int and 1 <= days <= 30
    end = body.get("expire_time")
    # A second of grace: the client's clock had no fractions.
    return type(end) is int and 59 <= end - time.time() <= 30 * _DAY


def _ticket() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(11))
