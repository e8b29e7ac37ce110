"""A first call to try."""

from typing import Annotated, Literal

from flask import Blueprint
from msgspec import Meta, Struct

from myapi.clock import iso, now
from myapi.web.access import public
from myapi.web.endpoint import endpoint
from myapi.web.fields import Timestamp

bp = Blueprint("hello", __name__, url_prefix="/api")


class Hello(Struct):
    """An older response format, without `data`."""

    time: Annotated[Timestamp, Meta(description="The time of the server, UTC.")]
    code: Annotated[Literal[0], Meta(description="Always 0.")] = 0
    msg: Annotated[str, Meta(description="A greeting.")] = "Hello from Aliyun Lighthouse!"


@bp.get("/hello")
@public
@endpoint(returns=Hello, envelope=False)
def hello() -> Hello:
    """Say hello and return the time of the server."""
    return Hello(time=iso(now()))
