"""The faults that the sandbox can inject into its replies."""

import re
from typing import NamedTuple

#: Kind → what the next calls get. An integer is a kind too: that errcode.
FAULTS = {
    "busy": "errcode -1",
    "slow": "the correct answer, after the client has timed out",
    "drip": "the body, one byte a second",
    "drip_headers": "headers and body, one byte a second",
    "closed": "the connection closes without an answer",
    "http_500": "status 500, no body",
    "http_502_html": "status 502 and an HTML page, as from a proxy",
    "html": "status 200 and an HTML page",
    "empty": "status 200, no body",
    "wrong_types": "JSON in which every field has the wrong type",
    "huge": "the correct answer, padded to 10 MB",
    "redirect": "status 302 to the same URL",
}
#: The errcodes of a refused access_token: they hit only calls that carry one.
TOKEN_ERRCODES = {40001, 40014, 42001}


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain"
    location: str | None = None


def parse_kind(kind: object) -> str:
    """Return a valid kind as a string. Raises ValueError, which lists the kinds."""
    text = str(kind) if type(kind) in (int, str) else ""
    if text not in FAULTS and not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ValueError(f"kind must be one of {', '.join(FAULTS)}, or an errcode such as 45011")
    return text


def errcode_of(kind: str | None) -> int | None:
    """Return the errcode of a kind, None if the kind is not an errcode."""
    if kind is None or kind in FAULTS:
        return -1 if kind == "busy" else None
    return int(kind)


def apply_fault(kind: str | None, reply: Reply, path: str) -> Reply:
    """Return the reply as changed by a fault of its content; other kinds leave it as it is."""
    if kind == "huge":  # still valid: JSON may begin with white space
        return reply._replace(body=reply.body.rjust(_HUGE))
    if kind == "redirect":
        return Reply(302, location=path)
    return _REPLIES.get(kind or "", reply)


_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_HUGE = 10 * 1024 * 1024
_REPLIES = {
    "http_500": Reply(500),
    "http_502_html": Reply(502, _PAGE, "text/html"),
    "html": Reply(200, _PAGE, "text/html"),
    "empty": Reply(200),
    "wrong_types": Reply(
        200,
        b'{"errcode": "0", "openid": 17, "session_key": ["x"],'
        b' "access_token": 17, "expires_in": "7200", "phone_info": ["x"],'
        b' "result": ["x"], "trace_id": 17, "url_link": 17, "openlink": ["x"]}',
    ),
}
