"""Pages, redirects and files of the console, with the headers that all of them have."""

from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, redirect, render_template, request

from myapi.clock import now
from myapi.console import formats, language, page_signature
from myapi.console.navigation import items
from myapi.web.access import operator_or_none

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def page(template: str, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
    """Render a template of the console."""
    common: dict[str, Any] = {
        "t": language.translate,
        "language": language.language(),
        "other_language": _same_page_with(lang="en" if language.language() == "zh" else "zh"),
        "operator": operator_or_none(request),
        "navigation": items(current_app),
        "path": request.path,
        "zone": formats.zone(now()),
        "signature": page_signature.sign,
    }
    text = render_template(f"console/{template}", **formats.FILTERS, **common, **values)
    response = Response(text, status, mimetype="text/html")
    language.remember(response)
    return response


def see_other(path: str, **query: str) -> Response:
    """Lead to a page of the console after a form; loading it again repeats nothing."""
    target = f"/console/{path}" + (f"?{urlencode(query)}" if query else "")
    return redirect(target, 303, Response=Response)  # type: ignore[return-value]


def download(content: bytes, name: str) -> Response:
    """Return a JSON file to save."""
    response = Response(content, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def secure(response: Response) -> Response:
    """Add the headers of every page; Nginx leaves them as they are."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


def next_page(after: str | None, **others: str) -> str | None:
    """Return the link to the next page of a list, with the same search."""
    return None if after is None else _same_page_with(after=after, **others)


def first_page() -> str | None:
    """Return the link back to the first page, on any other one."""
    if "after" not in request.args:
        return None
    query = {name: text for name, text in request.args.items() if name != "after"}
    return f"{request.path}?{urlencode(query)}" if query else request.path


def _same_page_with(**changes: str) -> str:
    kept = {name: text for name, text in request.args.items() if name != "done"}
    return f"{request.path}?{urlencode({**kept, **changes})}"
