"""For each request an id, a log line and metrics; for each response the common headers."""

import logging
import re
import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from myapi.observability import metrics
from myapi.web import proxy_headers
from myapi.web.access import CALLER

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("myapi.requests")

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
UNMATCHED = "-"  # one label for all unknown paths, so that a scanner cannot fill the memory
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def init_app(app: Flask) -> None:
    app.wsgi_app = RequestLog(app.wsgi_app)  # type: ignore[method-assign]


class RequestLog:
    """WSGI middleware: unlike Flask's hooks it also sees failures outside of views.

    It takes a third of their time.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        started = time.perf_counter()
        request_id = environ["myapi.request_id"] = _request_id(environ)
        status, route = 500, UNMATCHED

        def start(line: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:  # noqa: ANN401
            nonlocal status, route
            status, route = int(line[:3]), route_of(environ)
            headers.append(("X-Request-Id", request_id))
            if not any(name == "Cache-Control" for name, _ in headers):  # a view may have its own
                headers.append(("Cache-Control", "no-store"))
            headers.append(("X-Content-Type-Options", "nosniff"))
            return start_response(line, headers, *exc_info)

        try:
            return self._app(environ, start)
        finally:
            _record(environ, route, status, time.perf_counter() - started)


def _request_id(environ: "WSGIEnvironment") -> str:
    """Return the id set by a trusted proxy, which overwrites the client's; otherwise a new one."""
    given = str(environ.get("HTTP_X_REQUEST_ID", ""))
    if given and REQUEST_ID.fullmatch(given) and proxy_headers.came_through_proxy(environ):
        return given
    return secrets.token_hex(8)


def route_of(environ: "WSGIEnvironment") -> str:
    """Return the matched rule. Read it early: Flask removes the request from environ at the end."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule else UNMATCHED


def _record(environ: "WSGIEnvironment", route: str, status: int, seconds: float) -> None:
    method = environ["REQUEST_METHOD"]
    if method not in METHODS:
        method = "OTHER"
    metrics.record_request(method, route, status, seconds)
    caller = environ.get(CALLER)
    fields = {
        "event": "request",
        "request_id": environ["myapi.request_id"],
        "method": method,
        "route": route,
        "status": status,
        "error": environ.get("myapi.error"),
        "ms": round(seconds * 1000, 2),
        "user": caller and caller.user,
        "session": caller and caller.session,
        "ip": environ.get("REMOTE_ADDR"),
    }
    if log.isEnabledFor(logging.INFO):
        log.handle(RequestRecord((method, route, status), fields))


class RequestRecord(logging.LogRecord):
    """The log record of a request, made here: the logger would take as long as everything else.

    Its `fields` are logged unmasked: they and the message hold no text that a client chose.
    """

    fields: dict[str, Any]

    def __init__(self, args: tuple[object, ...], fields: dict[str, Any]) -> None:
        now = time.time()
        vars(self).update(_CONSTANT, args=args, fields=fields, created=now, msecs=now % 1 * 1000)


_CONSTANT = vars(logging.LogRecord(log.name, logging.INFO, "", 0, "%s %s %d", None, None))
