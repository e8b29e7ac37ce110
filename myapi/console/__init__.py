"""The console: pages for operators, who come in through a link of `flask console link`."""

from flask import Flask, Response, request

from myapi.console import (  # noqa: F401 (their routes)
    assets,
    audit,
    entry,
    events,
    messages,
    overview,
    own_pages,
    responses,
    user_actions,
    users,
)
from myapi.console.access import find_operator
from myapi.console.blueprint import bp
from myapi.extensions import settings
from myapi.web.access import operator_or_none
from myapi.web.errors import ApiError

__all__ = ["find_operator", "init_app"]


def init_app(app: Flask) -> None:
    app.extensions["console_pages"] = {}
    app.extensions["console_boxes"] = []
    if settings().console:
        app.before_request(_hide_what_is_not_there)
        app.register_blueprint(bp)


def _hide_what_is_not_there() -> Response | None:
    """Answer for paths and methods that the console does not have: a 405 would betray it."""
    if request.routing_exception is None or not f"{request.path}/".startswith("/console/"):
        return None
    if operator_or_none(request) is None:
        raise ApiError("not_found")
    return responses.secure(responses.page("error.html", 404, text="There is no such page."))
