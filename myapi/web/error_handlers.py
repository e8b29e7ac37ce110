"""Turn exceptions into JSON responses. A bug becomes a 500; only the log has its traceback."""

import logging
from collections.abc import Callable
from typing import Any

import sqlalchemy.exc
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from myapi.concurrency import Busy, OutOfTime
from myapi.db.errors import is_outage
from myapi.web.errors import RETRY_AFTER, ApiError, error_spec, message
from myapi.web.field_errors import described
from myapi.web.responses import json_response
from myapi.wechat import QuotaExceeded, WeChatError

log = logging.getLogger(__name__)

# The names of errors that Werkzeug raises; any other 4xx is an invalid_request.
NAME_OF_STATUS = {
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}


def init_app(app: Flask) -> None:
    for kind, handler in _HANDLERS.items():
        app.register_error_handler(kind, handler)


def answer(error: Exception) -> Response:
    """Log an exception and return its JSON response, as for any route."""
    return next(handle(error) for kind, handle in _HANDLERS.items() if isinstance(error, kind))


def error_response(error: ApiError) -> Response:
    """Return the JSON response of an error."""
    spec = error_spec(error.name)
    environ = request.environ
    environ["myapi.error"] = error.name
    chinese = prefers_chinese(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    body: dict[str, Any] = {
        "code": spec.code,
        "error": error.name,
        "msg": message(error, chinese=chinese),
        "request_id": environ["myapi.request_id"],
    }
    if error.fields:
        body["fields"] = [described(each, chinese=chinese) for each in error.fields]
    response = json_response(body, spec.status)
    seconds = RETRY_AFTER.get(spec.status) if error.retry_after is None else error.retry_after
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    if spec.status == 401:
        response.headers["WWW-Authenticate"] = _challenge(error.name)
    return response


def prefers_chinese(languages: str) -> bool:
    """Parse the header only if it may ask for Chinese: parsing takes as long as all the rest."""
    if "zh" not in languages.lower() and "*" not in languages:
        return False
    return request.accept_languages.best_match(["en", "zh"]) == "zh"


def _challenge(name: str) -> str:
    """Source: RFC 6750, section 3: without a token there is no error code."""
    if name == "token_missing":
        return 'Bearer realm="myapi"'
    return f'Bearer realm="myapi", error="invalid_token", error_description="{name}"'


def _api_error(error: ApiError) -> Response:
    if error.reason:
        log.info("%s: %s", error.name, error.reason, extra={"event": "refused"})
    return error_response(error)


def _wechat_error(error: WeChatError) -> Response:
    retry_after = 60 if isinstance(error, QuotaExceeded) else None
    return error_response(ApiError(error.name, retry_after=retry_after))


def _database_error(error: sqlalchemy.exc.SQLAlchemyError) -> Response:
    """Answer 503 if the database is down, locked, full or read-only; a wrong query is a 500."""
    if not is_outage(error):
        return _internal_error(error)
    cause = getattr(error, "orig", None) or error
    log.error("the database failed: %s", cause, extra={"event": "database_failed"})
    return error_response(ApiError("service_unavailable"))


def _busy(_error: Busy) -> Response:
    return error_response(ApiError("service_unavailable"))


def _out_of_time(_error: OutOfTime) -> Response:
    """Answer as Nginx does if nothing comes: what was being done may have taken effect."""
    route = request.url_rule.rule if request.url_rule else "-"
    log.error(
        "%s %s took longer than MYAPI_REQUEST_TIMEOUT and was broken off",
        request.method,
        route,
        extra={"event": "request_timeout", "method": request.method, "route": route},
    )
    return error_response(ApiError("service_unavailable"))


def _http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500:
        return _internal_error(error)
    response = error_response(ApiError(NAME_OF_STATUS.get(status, "invalid_request")))
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _internal_error(error: Exception) -> Response:
    log.error("unhandled error", exc_info=error, extra={"event": "internal_error"})
    return error_response(ApiError("internal_error"))


#: Those of subclasses first.
_HANDLERS: dict[type[Exception], Callable[[Any], Response]] = {
    ApiError: _api_error,
    WeChatError: _wechat_error,
    sqlalchemy.exc.SQLAlchemyError: _database_error,
    Busy: _busy,
    OutOfTime: _out_of_time,
    HTTPException: _http_exception,
    Exception: _internal_error,
}
