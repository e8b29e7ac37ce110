"""The bad days of a server that one can have here at will."""

import re
from typing import NamedTuple

#: Kind → what the next calls get. A whole number is a kind too: that errcode.
FAULTS = {
    "busy": "errcode -1",
    "slow": "a right answer, but later than a client waits",
    "drip": "the body a byte a second",
    "drip_headers": "all of the answer a byte a second",
    "closed": "a connection that closes without an answer",
    "http_500": "status 500 and no body",
    "http_502_html": "status 502 and a page, as from a proxy",
    "html": "status 200 and a page",
    "empty": "status 200 and no body",
    "wrong_types": "JSON in which nothing has its type",
    "huge": "10 MB",
    "redirect": "status 302 back to the same place",
}


class Reply(NamedTuple):
    """An HTTP answer as it goes out."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain"
    location: str | None = None


def fault_kind(kind: object) -> str:
    """Check a kind, and give it its one spelling. Raises ValueError with the list of kinds."""
    text = str(kind) if type(kind) in (int, str) else ""
    if text not in FAULTS and not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ValueError(f"kind is one of {', '.join(FAULTS)}, or an errcode such as 45011")
    return text


def errcode_of(kind: str | None) -> int | None:
    """Return the errcode that a kind stands for, None if it spoils the transport instead."""
    if kind is None or kind in FAULTS:
        return -1 if kind == "busy" else None
    return int(kind)


def spoiled(kind: str | None, reply: Reply, path: str) -> Reply:
    """Put the reply of a fault in the place of the right one, for those that are only content."""
    if kind == "huge":  # only its length is wrong: white space may stand before JSON
        return reply._replace(body=reply.body.rjust(_HUGE))
    if kind == "redirect":
        return Reply(302, location=path)
    return _CONTENT.get(kind or "", reply)


_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_HUGE = 10 * 1024 * 1024
_CONTENT = {
    "http_500": Reply(500),
    "http_502_html": Reply(502, _PAGE, "text/html"),
    "html": Reply(200, _PAGE, "text/html"),
    "empty": Reply(200),
    "wrong_types": Reply(200, b'{"errcode": "0", "openid": 17, "session_key": ["x"]}'),
}
