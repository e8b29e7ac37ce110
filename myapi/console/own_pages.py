"""The pages of a team's own code."""

from flask import Response, current_app, request

from myapi.console import responses
from myapi.console.blueprint import bp
from myapi.console.boxes import ConsolePage, Shown
from myapi.web.access import operators_only
from myapi.web.errors import ApiError


@bp.get("/app/<name>")
@operators_only
def show_own_page(name: str) -> Response:
    page: ConsolePage | None = current_app.extensions["console_pages"].get(name)
    if page is None:
        raise ApiError("not_found")
    return responses.page("own.html", box=Shown(page.title, page.show(request.args.to_dict())))
