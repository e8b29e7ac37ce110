"""The blueprint of the console, its headers and its errors."""

import logging

from flask import Blueprint, Response, request

from myapi.console import responses
from myapi.console.errors import REASONS, STATUS, Refused
from myapi.console.language import language
from myapi.web import error_handlers
from myapi.web.access import operator_or_none
from myapi.web.errors import ApiError, message

log = logging.getLogger(__name__)

bp = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")


@bp.after_request
def _secure(response: Response) -> Response:
    """Add the headers, but not to what a stranger gets: that is the 404 of any path."""
    is_hidden = response.status_code == 404 and operator_or_none(request) is None
    return response if is_hidden else responses.secure(response)


@bp.errorhandler(Refused)
def _refused(error: Refused) -> Response:
    request.environ["myapi.error"] = error.name
    log.info("%s: an operator's form", error.name, extra={"event": "refused"})
    return responses.page("error.html", STATUS[error.name], text=REASONS[error.name])


@bp.errorhandler(Exception)
def _failed(error: Exception) -> Response:
    """Show operators a page with the message of the API's error; strangers get the API's JSON."""
    answer = error_handlers.answer(error)
    if "myapi.operator" not in request.environ or operator_or_none(request) is None:
        return answer
    shown = error if isinstance(error, ApiError) else ApiError(request.environ["myapi.error"])
    text = message(shown, chinese=language() == "zh")
    page = responses.page(
        "error.html",
        answer.status_code,
        said=text,
        request_id=request.environ["myapi.request_id"],
    )
    if "Retry-After" in answer.headers:
        page.headers["Retry-After"] = answer.headers["Retry-After"]
    return page
