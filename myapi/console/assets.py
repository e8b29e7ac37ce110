"""The static files of the console: a stylesheet and an icon."""

from pathlib import Path

from flask import Response, request

from myapi.console import page_signature
from myapi.console.blueprint import bp
from myapi.web.access import operator_or_none, public
from myapi.web.errors import ApiError

FOLDER = Path(__file__).parent / "static"
TYPES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}


@bp.get("/<any('style.css', 'icon.svg'):name>")
@public
def asset(name: str) -> Response:
    """Return a file, to operators and to pages that have a signature."""
    is_signed = page_signature.is_signed(request.args.get("for", ""))
    if not is_signed and operator_or_none(request) is None:
        raise ApiError("not_found")
    return Response((FOLDER / name).read_bytes(), mimetype=TYPES[name])
