"""JSON responses; a success is wrapped as `{"code": 0, "msg": "ok", "data": …}`."""

from typing import Any

import msgspec
from flask import Response


def ok(data: Any = None) -> Response:  # noqa: ANN401 (all that msgspec can encode)
    """Answer 200 with `data`: a struct, a dict, a list or None."""
    return json_response({"code": 0, "msg": "ok", "data": data})


def json_response(body: Any, status: int = 200) -> Response:  # noqa: ANN401
    return Response(_encode(body), status, content_type="application/json")


def _encode(body: object) -> bytes:
    """Escape U+2028 and U+2029: iPhones turn them into line breaks, which no JSON text may hold."""
    text = msgspec.json.encode(body)
    if b"\xe2\x80" in text:  # how both begin in UTF-8
        text = text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return text
