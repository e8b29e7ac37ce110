"""Every error that the API answers with: one registry, one exception, the JSON handlers."""

import logging
import math
import time
from typing import NamedTuple

import sqlalchemy.exc
from flask import Flask, Response, request
from flask_limiter import RateLimitExceeded
from werkzeug.exceptions import HTTPException

from myapi.extensions import limiter
from myapi.responses import json_response
from myapi.wechat import QuotaExceeded, WeChatError

log = logging.getLogger(__name__)


class Kind(NamedTuple):
    """One row of the registry: the HTTP status, the stable integer, the sentence to read."""

    status: int
    code: int
    msg: str
    msg_zh: str


REGISTRY = {
    "invalid_request": Kind(400, 40000, "The request is not as described.", "请求格式不正确。"),
    "login_code_invalid": Kind(
        400,
        40001,
        "The login code is wrong, used or too old: get a fresh one from wx.login.",
        "登录凭证无效、已使用或已过期，请重新调用 wx.login 获取。",
    ),
    "decrypt_failed": Kind(400, 40002, "The data cannot be decrypted.", "数据解密失败。"),
    "token_missing": Kind(401, 40100, "Log in first: there is no bearer token.", "请先登录。"),
    "token_invalid": Kind(
        401, 40101, "The token is not one of ours.", "登录令牌无效，请重新登录。"
    ),
    "session_ended": Kind(
        401, 40102, "The session has ended: log in again.", "登录已失效，请重新登录。"
    ),
    "user_banned": Kind(403, 40300, "This account is banned.", "该账号已被封禁。"),
    "wechat_blocked_user": Kind(
        403,
        40301,
        "WeChat holds this user for high-risk and blocked the login.",
        "微信判定该用户为高风险用户，已拦截登录。",
    ),
    "development_only": Kind(
        403,
        40302,
        "This server runs in development: it answers this machine only, without a proxy.",
        "服务运行在开发模式，仅响应本机直接访问（不经代理）。",
    ),
    "not_found": Kind(404, 40400, "There is nothing here.", "资源不存在。"),
    "method_not_allowed": Kind(405, 40500, "This path has no such method.", "不支持该请求方法。"),
    "session_key_missing": Kind(
        409,
        40900,
        "There is no session_key to decrypt with: log in again.",
        "缺少可用的 session_key，请重新登录。",
    ),
    "payload_too_large": Kind(413, 41300, "The body is too large.", "请求体过大。"),
    "unsupported_media_type": Kind(
        415, 41500, "Send the body as application/json.", "请以 application/json 发送请求体。"
    ),
    "rate_limited": Kind(
        429, 42900, "Too many requests: wait a little.", "请求过于频繁，请稍后再试。"
    ),
    "internal_error": Kind(500, 50000, "Something went wrong here.", "服务器内部错误。"),
    "wechat_misconfigured": Kind(
        500,
        50001,
        "The server's WeChat settings are wrong: its operator has to act.",
        "服务器的微信配置有误，请联系管理员。",
    ),
    "wechat_unavailable": Kind(
        502, 50200, "WeChat gives no usable answer: try again.", "微信服务暂不可用，请稍后再试。"
    ),
    "service_unavailable": Kind(
        503, 50300, "The service is busy or away: try again.", "服务暂不可用，请稍后再试。"
    ),
    "wechat_timeout": Kind(
        504, 50400, "WeChat is too slow: try again.", "微信响应超时，请稍后再试。"
    ),
}

# What Werkzeug raises by itself, in our words; any other 4xx is an invalid_request.
OF_STATUS = {
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}
RETRY_AFTER = {"rate_limited": 10, "service_unavailable": 2}


class ApiError(Exception):
    """An answer other than success.

    `detail` joins the sentence of the answer, so it never repeats what the client sent;
    `reason` goes to the log alone.
    """

    def __init__(
        self, name: str, detail: str = "", *, reason: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(name, reason or detail)
        self.name = name
        self.detail = detail
        self.reason = reason
        self.retry_after = retry_after


def init_app(app: Flask) -> None:
    app.register_error_handler(ApiError, _of_ours)
    app.register_error_handler(WeChatError, _of_wechat)
    app.register_error_handler(sqlalchemy.exc.SQLAlchemyError, _of_the_database)
    app.register_error_handler(RateLimitExceeded, _of_the_limiter)
    app.register_error_handler(HTTPException, _of_werkzeug)
    app.register_error_handler(Exception, _of_a_bug)


def answer(name: str, detail: str = "", *, retry_after: int | None = None) -> Response:
    """Write the JSON answer of one kind of error."""
    kind = REGISTRY[name]
    environ = request.environ
    environ["myapi.error"] = name
    response = json_response(
        {
            "code": kind.code,
            "error": name,
            "msg": _sentence(kind, detail, environ.get("HTTP_ACCEPT_LANGUAGE", "")),
            "request_id": environ["myapi.request_id"],
        },
        kind.status,
    )
    seconds = RETRY_AFTER.get(name) if retry_after is None else retry_after
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    if kind.status == 401:
        response.headers["WWW-Authenticate"] = _challenge(name)
    return response


def _sentence(kind: Kind, detail: str, languages: str) -> str:
    sentence = kind.msg_zh if _prefers_chinese(languages) else kind.msg
    return f"{sentence} ({detail})" if detail else sentence


def _prefers_chinese(languages: str) -> bool:
    """Read the header only where it may say so: for most callers that costs as much as the rest."""
    if "zh" not in languages.lower() and "*" not in languages:
        return False
    return request.accept_languages.best_match(["en", "zh"]) == "zh"


def _challenge(name: str) -> str:
    """RFC 6750, section 3: no error code where no token was given."""
    if name == "token_missing":
        return 'Bearer realm="myapi"'
    return f'Bearer realm="myapi", error="invalid_token", error_description="{name}"'


def _of_ours(error: ApiError) -> Response:
    if error.reason:
        log.info("%s: %s", error.name, error.reason, extra={"event": "refused"})
    return answer(error.name, error.detail, retry_after=error.retry_after)


def _of_wechat(error: WeChatError) -> Response:
    return answer(error.name, retry_after=60 if isinstance(error, QuotaExceeded) else None)


def _of_the_database(error: sqlalchemy.exc.SQLAlchemyError) -> Response:
    """Answer 503 when the database is away, locked, full or read-only; a bug in a query is 500."""
    if not is_outage(error):
        return _of_a_bug(error)
    cause = getattr(error, "orig", None) or error
    log.error("the database fails: %s", cause, extra={"event": "database_failed"})
    return answer("service_unavailable")


def is_outage(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """Tell whether the database itself fails, and not what was asked of it."""
    if isinstance(error, sqlalchemy.exc.TimeoutError) or _lacks_migration(error):
        return True
    faults_of_ours = (
        sqlalchemy.exc.IntegrityError,
        sqlalchemy.exc.DataError,
        sqlalchemy.exc.ProgrammingError,
        sqlalchemy.exc.NotSupportedError,
    )
    return isinstance(error, sqlalchemy.exc.DBAPIError) and not isinstance(error, faults_of_ours)


def _lacks_migration(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """MySQL has no such table (1146); SQLite says so with an OperationalError anyway."""
    return getattr(getattr(error, "orig", None), "args", ())[:1] == (1146,)


def _of_the_limiter(error: RateLimitExceeded) -> Response:
    """Tell when the window ends; where the storage fails just now, when it must have ended."""
    try:
        seconds = (limiter.current_limit.reset_at - time.time()) if limiter.current_limit else 1
    except Exception:
        seconds = error.limit.limit.get_expiry()
    return answer("rate_limited", retry_after=max(1, math.ceil(seconds)))


def _of_werkzeug(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500:
        return _of_a_bug(error)
    response = answer(OF_STATUS.get(status, "invalid_request"))
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _of_a_bug(error: Exception) -> Response:
    log.error("unhandled error", exc_info=error, extra={"event": "internal_error"})
    return answer("internal_error")
