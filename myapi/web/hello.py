"""A first call to try."""

from typing import Literal

from flask import Blueprint
from msgspec import Struct

from myapi.clock import iso, now
from myapi.web.access import public
from myapi.web.endpoint import endpoint
from myapi.web.fields import Timestamp

bp = Blueprint("hello", __name__, url_prefix="/api")


class Hello(Struct):
    """An older response format, without `data`."""

    time: Timestamp
    code: Literal[0] = 0
    msg: str = "Hello from Aliyun Lighthouse!"


@bp.get("/hello")
@public
@endpoint(returns=Hello, envelope=False)
def hello() -> Hello:
    """Say hello and return the time of the server."""
    return Hello(time=iso(now()))
