"""The envelope of every answer: `{"code": 0, "msg": "ok", "data": …}` as JSON."""

from typing import Any

import msgspec
from flask import Response


def ok(data: Any = None) -> Response:  # noqa: ANN401 (whatever msgspec can write)
    """Answer 200 with `data`: a struct, a dict, a list or None."""
    return json_response({"code": 0, "msg": "ok", "data": data})


def json_response(body: Any, status: int = 200) -> Response:  # noqa: ANN401
    return Response(msgspec.json.encode(body), status, mimetype="application/json")
