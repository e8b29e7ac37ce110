"""Turn exceptions into JSON responses. A bug becomes a 500; only the log has its traceback."""

import logging

import sqlalchemy.exc
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from myapi.concurrency import Busy
from myapi.db.errors import is_outage
from myapi.web.errors import RETRY_AFTER, ApiError, ErrorSpec, error_spec
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
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(WeChatError, _wechat_error)
    app.register_error_handler(sqlalchemy.exc.SQLAlchemyError, _database_error)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _internal_error)


def error_response(name: str, detail: str = "", *, retry_after: int | None = None) -> Response:
    """Return the JSON response of an error."""
    spec = error_spec(name)
    environ = request.environ
    environ["myapi.error"] = name
    response = json_response(
        {
            "code": spec.code,
            "error": name,
            "msg": _message(spec, detail, environ.get("HTTP_ACCEPT_LANGUAGE", "")),
            "request_id": environ["myapi.request_id"],
        },
        spec.status,
    )
    seconds = RETRY_AFTER.get(spec.status) if retry_after is None else retry_after
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    if spec.status == 401:
        response.headers["WWW-Authenticate"] = _challenge(name)
    return response


def _message(spec: ErrorSpec, detail: str, languages: str) -> str:
    message = spec.msg_zh if _prefers_chinese(languages) else spec.msg
    return f"{message} ({detail})" if detail else message


def _prefers_chinese(languages: str) -> bool:
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
    return error_response(error.name, error.detail, retry_after=error.retry_after)


def _wechat_error(error: WeChatError) -> Response:
    return error_response(error.name, retry_after=60 if isinstance(error, QuotaExceeded) else None)


def _database_error(error: sqlalchemy.exc.SQLAlchemyError) -> Response:
    """Answer 503 if the database is down, locked, full or read-only; a wrong query is a 500."""
    if not is_outage(error):
        return _internal_error(error)
    cause = getattr(error, "orig", None) or error
    log.error("the database failed: %s", cause, extra={"event": "database_failed"})
    return error_response("service_unavailable")


def _busy(_error: Busy) -> Response:
    return error_response("service_unavailable")


def _http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500:
        return _internal_error(error)
    response = error_response(NAME_OF_STATUS.get(status, "invalid_request"))
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _internal_error(error: Exception) -> Response:
    log.error("unhandled error", exc_info=error, extra={"event": "internal_error"})
    return error_response("internal_error")
