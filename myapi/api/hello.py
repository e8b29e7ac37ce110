"""The first call that a newcomer makes."""

from flask import Blueprint

from myapi.clock import iso, now
from myapi.contract import contract
from myapi.guards import anyone
from myapi.schemas import Hello

bp = Blueprint("hello", __name__, url_prefix="/api")


@bp.get("/hello")
@anyone
@contract(gives=Hello, envelope=False)
def hello() -> Hello:
    """Say hello, with the time of the server."""
    return Hello(time=iso(now()))
