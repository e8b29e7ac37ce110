"""What can be seen of a running service: an id, a log line and figures for each request."""

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from myapi import guards, metrics
from myapi.errors import ApiError
from myapi.extensions import settings

log = logging.getLogger("myapi.requests")

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
UNMATCHED = "-"  # one label for all paths that are no route, or a scanner fills the memory
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = _request_id()
    if (request.content_length or 0) > settings().max_body_bytes:
        raise ApiError("payload_too_large")


def _request_id() -> str:
    """Take the id from the trusted proxy, which overwrites what a client sends; else make one."""
    if "werkzeug.proxy_fix.orig" in request.environ and guards.is_forwarded():
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        if REQUEST_ID.fullmatch(given):
            return str(given)
    return secrets.token_hex(8)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    seconds = time.perf_counter() - g.started
    rule = request.url_rule
    route = rule.rule if rule else UNMATCHED
    method = request.method if request.method in METHODS else "OTHER"
    metrics.note_request(method, route, response.status_code, seconds)
    _log(response, method, route, seconds)
    return response


def _log(response: Response, method: str, route: str, seconds: float) -> None:
    caller = g.get("caller")
    log.info(
        "%s %s %d",
        method,
        route,
        response.status_code,
        extra={
            "event": "request",
            "request_id": g.request_id,
            "method": method,
            "route": route,
            "status": response.status_code,
            "error": g.get("error"),
            "ms": round(seconds * 1000, 2),
            "user": caller and caller.user,
            "session": caller and caller.session,
            "ip": request.remote_addr,
        },
    )
