"""CORS (Fetch standard) for H5 pages on a fixed list of origins; off if the list is empty.

Mini programs do not need it.
"""

from flask import Flask, Response, request

from myapi.extensions import settings

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


def init_app(app: Flask) -> None:
    if settings().cors_origins:
        app.before_request(_answer_preflight)
        app.after_request(_allow_origin)


def _answer_preflight() -> Response | None:
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    return Response(status=204, headers=PREFLIGHT if _is_allowed() else {})


def _allow_origin(response: Response) -> Response:
    response.headers.add("Vary", "Origin")
    if _is_allowed():
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
    return response


def _is_allowed() -> bool:
    return request.headers.get("Origin") in settings().cors_origins
