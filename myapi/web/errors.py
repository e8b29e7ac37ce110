"""Every error of the API: one registry and one exception.

`REGISTRY` has myapi's own. An app's errors are these and those of the team's own code.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flask import Flask, current_app

from myapi.web.field_errors import FieldError, sentence


class ErrorSpec(NamedTuple):
    """One error: its HTTP status, its stable number, and messages for people."""

    status: int
    code: int
    msg: str
    msg_zh: str


REGISTRY = {
    "invalid_request": ErrorSpec(
        400, 40000, "The request is not as described.", "请求格式不正确。"
    ),
    "login_code_invalid": ErrorSpec(
        400,
        40001,
        "The login code is wrong, used or too old: get a fresh one from wx.login.",
        "登录凭证无效、已使用或已过期，请重新调用 wx.login 获取。",
    ),
    "decrypt_failed": ErrorSpec(400, 40002, "The data cannot be decrypted.", "数据解密失败。"),
    "phone_code_invalid": ErrorSpec(
        400,
        40003,
        "The code of the phone number is wrong, used or too old: tap the button again.",
        "手机号凭证无效、已使用或已过期，请重新点击按钮获取。",
    ),
    "content_risky": ErrorSpec(
        400,
        40004,
        "WeChat judged this text risky: write another one.",
        "微信判定该内容有风险，请修改后再试。",
    ),
    "picture_invalid": ErrorSpec(
        400,
        40005,
        "Send one picture: a JPEG, PNG or WebP of at most 8 million pixels, not animated.",
        "请上传一张图片：JPEG、PNG 或 WebP，最多 800 万像素，不能是动图。",
    ),
    "message_invalid": ErrorSpec(
        400,
        40006,
        "WeChat does not take this message: a value breaks the rule of its field.",
        "消息内容不符合微信的要求，请检查各字段的值。",
    ),
    "token_missing": ErrorSpec(401, 40100, "Log in first: there is no bearer token.", "请先登录。"),
    "token_invalid": ErrorSpec(401, 40101, "The token is not valid.", "登录状态无效，请重新登录。"),
    "session_ended": ErrorSpec(
        401, 40102, "The session has ended: log in again.", "登录已失效，请重新登录。"
    ),
    "user_banned": ErrorSpec(403, 40300, "This account is banned.", "该账号已被封禁。"),
    "wechat_blocked_user": ErrorSpec(
        403,
        40301,
        "WeChat rates this user as high-risk and blocked the login.",
        "微信判定该用户为高风险用户，已拦截登录。",
    ),
    "development_only": ErrorSpec(
        403,
        40302,
        "This server runs in development mode: it answers only direct requests from this machine.",
        "服务运行在开发模式，仅响应本机直接访问（不经代理）。",
    ),
    "push_refused": ErrorSpec(403, 40304, "This push is not WeChat's.", "该推送不是来自微信。"),
    "not_found": ErrorSpec(404, 40400, "Not found.", "资源不存在。"),
    "method_not_allowed": ErrorSpec(
        405, 40500, "This path does not allow this method.", "不支持该请求方法。"
    ),
    "session_key_missing": ErrorSpec(
        409,
        40900,
        "There is no session_key to decrypt with: log in again.",
        "缺少可用的 session_key，请重新登录。",
    ),
    "message_not_permitted": ErrorSpec(
        409,
        40901,
        "The user permits no message of this template: ask on the phone first.",
        "用户没有允许发送该模板的消息，请先在小程序里征得同意。",
    ),
    "payload_too_large": ErrorSpec(413, 41300, "The body is too large.", "请求体过大。"),
    "unsupported_media_type": ErrorSpec(
        415, 41500, "Send the body as application/json.", "请以 application/json 发送请求体。"
    ),
    "rate_limited": ErrorSpec(
        429, 42900, "Too many requests: wait a little.", "请求过于频繁，请稍后再试。"
    ),
    "internal_error": ErrorSpec(500, 50000, "Internal server error.", "服务器内部错误。"),
    "wechat_misconfigured": ErrorSpec(
        500,
        50001,
        "The server's WeChat settings are wrong: contact its operator.",
        "服务器的微信配置有误，请联系开发者。",
    ),
    "wechat_unavailable": ErrorSpec(
        502, 50200, "WeChat gave no usable answer: try again.", "微信服务暂不可用，请稍后再试。"
    ),
    "service_unavailable": ErrorSpec(
        503, 50300, "The service is unavailable: try again.", "服务暂不可用，请稍后再试。"
    ),
    "wechat_timeout": ErrorSpec(
        504, 50400, "WeChat did not answer in time: try again.", "微信响应超时，请稍后再试。"
    ),
}

#: Status → seconds in `Retry-After`, unless the exception sets it.
RETRY_AFTER = {429: 10, 503: 2}


def init_app(app: Flask) -> None:
    app.extensions["errors"] = dict(REGISTRY)


def register(app: Flask, errors: Mapping[str, ErrorSpec]) -> None:
    """Add errors of the team's own code."""
    app.extensions["errors"].update(errors)


def errors_of(app: Flask) -> Mapping[str, ErrorSpec]:
    """Return all errors of an app: myapi's, and those of the team's own code."""
    found: Mapping[str, ErrorSpec] = app.extensions["errors"]
    return found


def error_spec(name: str) -> ErrorSpec:
    """Return an error of the current app."""
    return errors_of(current_app)[name]


class ApiError(Exception):
    """An error response. `name` is one of the errors of the app.

    `detail` is appended to the message, and `detail_zh` to the Chinese one, so neither may repeat
    what the client sent. `reason` goes only to the log. `fields` says which fields are wrong; their
    sentences become the message.
    """

    def __init__(
        self,
        name: str,
        detail: str = "",
        *,
        detail_zh: str = "",
        reason: str = "",
        retry_after: int | None = None,
        fields: Iterable[FieldError] = (),
    ) -> None:
        super().__init__(name, reason or detail)
        self.name = name
        self.detail = detail
        self.detail_zh = detail_zh or detail
        self.reason = reason
        self.retry_after = retry_after
        self.fields = tuple(fields)


def message(error: ApiError, *, chinese: bool) -> str:
    """Return what an error says to a person."""
    spec = error_spec(error.name)
    if error.fields:
        separator = "" if chinese else " "
        text = separator.join(sentence(each, chinese=chinese) for each in error.fields)
    else:
        text = spec.msg_zh if chinese else spec.msg
    if not error.detail:
        return text
    return f"{text}（{error.detail_zh}）" if chinese else f"{text} ({error.detail})"
