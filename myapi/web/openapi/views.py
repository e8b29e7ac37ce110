"""The description of the API, and a page to read and try it; only in development."""

import json
from collections.abc import Mapping
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as ResponseBase

from myapi.extensions import settings
from myapi.web.access import public
from myapi.web.errors import ApiError
from myapi.web.openapi.description import describe, limits, translated
from myapi.web.responses import json_response

bp = Blueprint("docs", __name__)

FOLDER = Path(__file__).parent / "static"
CHINESE = "zh.json"
MODULES = (
    *("docs", "description", "texts", "calls", "code"),
    *("model", "snippets", "route", "search"),
)
FILES = {
    "docs.html": "text/html",
    "docs.css": "text/css",
    **{f"{name}.js": "text/javascript" for name in MODULES},
    CHINESE: "application/json",  # English → Chinese, for the page and the description
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def init_app(app: Flask) -> None:
    app.extensions["texts"] = json.loads((FOLDER / CHINESE).read_text(encoding="utf-8"))
    english, chinese = limits(settings())
    app.extensions["texts"][english] = chinese
    app.register_blueprint(bp)


def register_texts(app: Flask, texts: Mapping[str, str]) -> None:
    """Add Chinese texts of the team's own code; they win over myapi's."""
    app.extensions["texts"].update(texts)


def lead_from_root(app: Flask) -> None:
    """Let `/` lead to the page. Called last: a team's own page at `/` wins."""
    taken = any(r.rule == "/" and "GET" in (r.methods or ()) for r in app.url_map.iter_rules())
    if bp.name in app.blueprints and not taken:
        app.add_url_rule("/", f"{bp.name}.root", root)


@public
def root() -> ResponseBase:
    """Lead to the page."""
    return redirect(url_for("docs.page"))


@bp.get("/openapi.json")
@public
def openapi() -> Response:
    """Describe the API in OpenAPI 3.1, as of this host; `?lang=zh`: in Chinese.

    Apifox and Postman take the host from it, also where they get it as a file.
    """
    description = describe(current_app)
    description["servers"] = [{"url": request.host_url.rstrip("/")}]
    if request.args.get("lang") == "zh":
        description = translated(description, current_app.extensions["texts"])
    return json_response(description)


@bp.get("/docs")
@public
def page() -> Response:
    """Return the page."""
    return asset("docs.html")


@bp.get("/docs/<name>")
@public
def asset(name: str) -> Response:
    """Return one of the page's files."""
    if name not in FILES:
        raise ApiError("not_found")
    if name == CHINESE:
        return json_response(current_app.extensions["texts"])
    return Response((FOLDER / name).read_bytes(), mimetype=FILES[name])


@bp.after_request
def _restrict(response: Response) -> Response:
    """Allow the page to load only its own files."""
    response.headers["Content-Security-Policy"] = POLICY
    return response
