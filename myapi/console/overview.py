"""The first page: how the service is."""

from flask import Response

from myapi.console import responses
from myapi.console.blueprint import bp
from myapi.web.access import operators_only


@bp.get("/", strict_slashes=False)
@operators_only
def overview() -> Response:
    return responses.page("overview.html")
