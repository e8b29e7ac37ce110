"""Links that open the mini program from outside: what WeChat is asked for, and what it answers.

Source: generateUrlLink, POST /wxa/generate_urllink; generateScheme, POST /wxa/generatescheme.
"""

import re
from datetime import datetime, timedelta, timezone

from .codes import SPECIAL, EnvVersion, check_env_version, check_plain_path
from .errors import Unavailable
from .replies import Reply

GENERATE_URL_LINK = "/wxa/generate_urllink"
GENERATE_SCHEME = "/wxa/generatescheme"

LONGEST = 30  # days that a link lives
SHORTEST = timedelta(minutes=1)
QUERY_LIMIT = 1024

_QUERY = re.compile(rf"[0-9A-Za-z{re.escape(SPECIAL)}%]{{1,{QUERY_LIMIT}}}")

# The characters of RFC 3986: a link that has no others is safe in a text message.
_URI = r"[0-9A-Za-z\-._~:/?#\[\]@!$&'()*+,;=%]"
_URL_LINK = re.compile(rf"https://[0-9A-Za-z.-]{{1,253}}/{_URI}{{1,512}}")
_SCHEME = re.compile(rf"weixin://{_URI}{{1,512}}")

# The values of expire_type.
_AT_A_TIME, _AFTER_DAYS = 0, 1


def target(path: str | None, query: str | None, env_version: EnvVersion) -> dict[str, object]:
    """Return the part of a request that says what opens.

    Raises ValueError for what WeChat would refuse.
    """
    check_env_version(env_version)
    asked: dict[str, object] = {"env_version": env_version}
    if path:
        check_plain_path(path)
        asked["path"] = path
    if query:
        check_query(query)
        asked["query"] = query
    return asked


def check_query(query: str) -> None:
    """Raise ValueError for a query that WeChat would refuse."""
    if not isinstance(query, str) or not _QUERY.fullmatch(query):
        raise ValueError(
            f"a query is at most {QUERY_LIMIT} ASCII letters, digits and {SPECIAL}%:"
            " percent-encode all others"
        )


def expiry(days: int | None, until: datetime | None) -> dict[str, object]:
    """Return the part of a request that says how long the link lives; without either 30 days.

    Raises ValueError for what WeChat would refuse.
    """
    if until is not None:
        if days is not None:
            raise ValueError("give days or until, not both")
        return {"expire_type": _AT_A_TIME, "expire_time": _timestamp(until)}
    days = LONGEST if days is None else days
    if type(days) is not int or not 1 <= days <= LONGEST:
        raise ValueError(f"days must be 1 to {LONGEST}")
    return {"expire_type": _AFTER_DAYS, "expire_interval": days}


def read_url_link(reply: Reply) -> str:
    """Read what generate_urllink answers. Raises Unavailable if it is no https:// URL."""
    return _read(reply, "url_link", _URL_LINK)


def read_scheme(reply: Reply) -> str:
    """Read what generatescheme answers. Raises Unavailable if it is no weixin:// URL."""
    return _read(reply, "openlink", _SCHEME)


def _timestamp(until: datetime) -> int:
    if until.utcoffset() is None:
        raise ValueError("until must have a time zone")
    left = until - datetime.now(timezone.utc)
    if not SHORTEST <= left <= timedelta(days=LONGEST):
        raise ValueError(f"until must be from one minute to {LONGEST} days from now")
    return int(until.timestamp())


def _read(reply: Reply, name: str, form: re.Pattern[str]) -> str:
    link = reply.get(name)
    if not isinstance(link, str) or not form.fullmatch(link):
        raise Unavailable(f"{name} is unusable")
    return link
