"""What can be seen of a running service: an id, a log line and figures for each request."""

import logging
import re
import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from myapi import metrics, peers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("myapi.requests")

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
UNMATCHED = "-"  # one label for all paths that are no route, or a scanner fills the memory
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def init_app(app: Flask) -> None:
    app.wsgi_app = Observed(app.wsgi_app)  # type: ignore[method-assign]


class Observed:
    """Gives each request an id and its answer the headers that all have, then logs and counts.

    WSGI, not Flask's hooks: it sees what fails outside of a view as well, at a third of the cost.
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
            headers.append(("Cache-Control", "no-store"))
            headers.append(("X-Content-Type-Options", "nosniff"))
            return start_response(line, headers, *exc_info)

        try:
            return self._app(environ, start)
        finally:
            _note(environ, route, status, time.perf_counter() - started)


def _request_id(environ: "WSGIEnvironment") -> str:
    """Take the id from the trusted proxy, which overwrites what a client sends; else make one."""
    given = str(environ.get("HTTP_X_REQUEST_ID", ""))
    if given and REQUEST_ID.fullmatch(given) and peers.came_through_proxy(environ):
        return given
    return secrets.token_hex(8)


def route_of(environ: "WSGIEnvironment") -> str:
    """Return the rule that matched; Flask takes the request out of environ when it is done."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule else UNMATCHED


def _note(environ: "WSGIEnvironment", route: str, status: int, seconds: float) -> None:
    method = environ["REQUEST_METHOD"]
    if method not in METHODS:
        method = "OTHER"
    metrics.note_request(method, route, status, seconds)
    caller = environ.get("myapi.caller")
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
    """The record of a request; to have the logger make it would cost as much as all the rest.

    Its fields are ready, and nothing in its message comes from outside: see `logs`.
    """

    fields: dict[str, Any]

    def __init__(self, args: tuple[object, ...], fields: dict[str, Any]) -> None:
        now = time.time()
        vars(self).update(_OF_EACH, args=args, fields=fields, created=now, msecs=now % 1 * 1000)


_OF_EACH = vars(logging.LogRecord(log.name, logging.INFO, "", 0, "%s %s %d", None, None))
