"""The uploaded pictures of users. Their names are random: only the URL leads to one."""

from flask import Blueprint, Response, request

from myapi.users import avatar, pictures
from myapi.web.access import public
from myapi.web.endpoint import media_endpoint
from myapi.web.errors import ApiError

bp = Blueprint("avatars", __name__, url_prefix="/avatars")

# A picture never changes under its name. A phone may show it for a day after it was deleted.
CACHE_CONTROL = "private, max-age=86400, immutable"


@bp.get("/<name>")
@public
@media_endpoint(pictures.JPEG, pictures.PNG, errors=("not_found", "service_unavailable"))
def show(name: str) -> Response:
    """Show the uploaded picture of a user."""
    found = avatar.find(name)
    if found is None:
        raise ApiError("not_found")
    response = Response(found.data, content_type=found.content_type)
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.headers["Content-Disposition"] = "inline"
    response.set_etag(name)
    response.make_conditional(request.environ)
    return response
