"""The API's own errors, by name, code or HTTP status.

Some share a symptom: what stands behind `not_found`, `internal_error`, `wechat_misconfigured` …
is found as for an answer that is not the API's.
"""

from __future__ import annotations

from doctor.symptoms.symptom import Symptom, numbers, word
from doctor.texts import Text


def _error(
    name: str, status: int, code: int, meaning: Text, *checks: str, by_status: bool = True
) -> Symptom:
    """`by_status` is for the error that a status alone usually means."""
    return Symptom(
        Text(
            f"statusCode {status}, error {name} (code {code})",
            f"statusCode {status}，error 为 {name}（code {code}）",
        ),
        meaning,
        f"{word(name)}|{numbers(code)}",
        numbers(status) if by_status else "",
        checks,
    )


API_ERRORS: dict[str, Symptom] = {
    "login_code_invalid": _error(
        "login_code_invalid",
        400,
        40001,
        Text(
            "WeChat refused the login code: it was used, older than 5 minutes, or made for another"
            " AppID. Call wx.login for each login. Is the project's AppID (详情 → 基本信息) the"
            " server's MYAPI_WECHAT_APPID?",
            "微信拒绝了登录 code：已经用过、超过 5 分钟，或者属于另一个 AppID。每次登录都要重新调用"
            " wx.login。项目的 AppID（详情 → 基本信息）和服务器的 MYAPI_WECHAT_APPID 一致吗？",
        ),
        "account",
        "environment",
        by_status=False,
    ),
    "phone_code_invalid": _error(
        "phone_code_invalid",
        400,
        40003,
        Text(
            "WeChat refused the code for a phone number: it was used, is older than 5 minutes,"
            " belongs to another AppID, or is a code of wx.login. Send e.detail.code of"
            " bindgetphonenumber; to try again, the user taps the button again.",
            "微信拒绝了获取手机号的 code：已经用过、超过 5 分钟、属于另一个 AppID，"
            "或者误传了 wx.login 的 code。请发送 bindgetphonenumber 的 e.detail.code；"
            "要再试，让用户重新点按钮。",
        ),
        "environment",
        "account",
        by_status=False,
    ),
    "content_risky": _error(
        "content_risky",
        400,
        40004,
        Text(
            "WeChat judged the text risky, for example a nickname (MYAPI_CONTENT_CHECK=on): the"
            " user has to write another one. Nothing is stored.",
            "微信判定文本有风险，例如昵称（MYAPI_CONTENT_CHECK=on）：请用户修改。没有存储任何内容。",
        ),
        by_status=False,
    ),
    "message_invalid": _error(
        "message_invalid",
        400,
        40006,
        Text(
            "A value of a subscribe message breaks WeChat's rule for its kind, or WeChat does not"
            " know the template or the page. `fields` says which one; the log has WeChat's errcode"
            " if WeChat refused it.",
            "订阅消息的某个值不符合微信的要求，或者微信没有这个模板或页面。`fields` 写明是哪一个；"
            "如果是微信拒绝的，日志里有它的 errcode。",
        ),
        by_status=False,
    ),
    "message_not_permitted": _error(
        "message_not_permitted",
        409,
        40901,
        Text(
            "The user permits no message of this template: not asked yet, refused, or each"
            " permission was used. One permission is one message: ask on the phone, from a tap"
            " (wx.requestSubscribeMessage), and report the answer to POST /api/me/messages.",
            "用户没有允许发送这个模板的消息：还没有问过、拒绝了，或者允许的次数已用完"
            "（同意一次只能发一条）。请在手机上的点击事件里征得同意（wx.requestSubscribeMessage），"
            "并把回答上报到 POST /api/me/messages。",
        ),
        by_status=False,
    ),
    "invalid_request": _error(
        "invalid_request",
        400,
        40000,
        Text(
            "The server understands the route, but not the body or a field. The answer names the"
            " field; /docs of a development server shows what each route takes.",
            "接口没错，但请求体或某个字段不符合要求。响应里写明了是哪个字段；"
            "开发服务器的 /docs 列出每个接口的参数。",
        ),
        "redirect",
        "body_limit",
    ),
    "token_missing": _error(
        "token_missing",
        401,
        40100,
        Text(
            "The request carries no token. Log in first, and send Authorization: Bearer TOKEN. A"
            " proxy must pass this header on, and a redirect loses it.",
            "请求没有带 token。先登录，再发送 Authorization: Bearer TOKEN。"
            "代理必须转发这个请求头，跳转会丢掉它。",
        ),
        "redirect",
        "route",
        by_status=False,
    ),
    "token_invalid": _error(
        "token_invalid",
        401,
        40101,
        Text(
            "The token was not made by this server, or was cut. Log in again; if every user sees"
            " it, MYAPI_SECRET_KEYS was changed (`flask secrets rotate` keeps old tokens valid).",
            "token 不是这个服务器签发的，或者不完整。请重新登录；如果所有用户都这样，说明"
            " MYAPI_SECRET_KEYS 被换掉了（`flask secrets rotate` 更换密钥时旧 token 仍然有效）。",
        ),
        "secrets",
        "settings",
        "redirect",
    ),
    "picture_invalid": _error(
        "picture_invalid",
        400,
        40005,
        Text(
            "The upload is not one picture that the server takes: a JPEG, PNG or WebP of at most"
            " 2 MiB, 4096 pixels on a side and 8 million in all (WebP: 4 million), not animated and"
            " not damaged. Send e.detail.avatarUrl of chooseAvatar by wx.uploadFile with"
            " name: 'file'. The server's log has the reason.",
            "上传的不是服务器接受的一张图片：JPEG、PNG 或 WebP，最大 2 MiB，边长最多 4096 像素，"
            "总共最多 800 万像素（WebP 为 400 万），不能是动图，也不能损坏。请用 wx.uploadFile 上传"
            " chooseAvatar 的 e.detail.avatarUrl，并写 name: 'file'。原因在服务器的日志里。",
        ),
        by_status=False,
    ),
    "session_ended": _error(
        "session_ended",
        401,
        40102,
        Text(
            "The session has ended: logged out, expired, or ended by an operator. This is normal:"
            " log in again with wx.login.",
            "会话已结束：已退出、已过期，或被运维人员结束。"
            "这是正常情况，用 wx.login 重新登录即可。",
        ),
        "clock_synchronised",
        by_status=False,
    ),
    "user_banned": _error(
        "user_banned",
        403,
        40300,
        Text(
            "An operator banned this user. `flask users show` tells since when, `flask users"
            " unban` lifts it.",
            "运维人员封禁了这个用户。`flask users show` 查看封禁时间，`flask users unban` 解封。",
        ),
        by_status=False,
    ),
    "wechat_blocked_user": Symptom(
        Text(
            "statusCode 403, error wechat_blocked_user (code 40301); errcode 40226",
            "statusCode 403，error 为 wechat_blocked_user（code 40301）；errcode 40226",
        ),
        Text(
            "WeChat rates this user as high-risk and blocks the login. The server cannot change it;"
            " other users are not affected.",
            "微信判定这个用户为高风险用户，拦截了登录。服务器无法改变，其他用户不受影响。",
        ),
        r"wechat_blocked_user|code blocked|高风险|high.?risk|" + numbers(40301, 40226),
    ),
    "development_only": _error(
        "development_only",
        403,
        40302,
        Text(
            "The server runs in development mode and answers its own machine alone. For phones set"
            " MYAPI_ENV=production with an AppID, a secret and keys; for a phone in the same"
            " network set MYAPI_DEV_LAN=on.",
            "服务运行在开发模式，只响应本机。要让手机访问，请设置 MYAPI_ENV=production 以及 AppID、"
            "AppSecret 和密钥；只想让同一局域网的手机访问，请设置 MYAPI_DEV_LAN=on。",
        ),
        "environment",
        "route",
        by_status=False,
    ),
    "push_refused": _error(
        "push_refused",
        403,
        40304,
        Text(
            "The server got a push that is not WeChat's. If WeChat's own are refused, Token or"
            " EncodingAESKey in the console are not those of the settings: the log says which.",
            "服务器收到了不是来自微信的推送。如果微信自己的推送被拒绝，说明后台的 Token 或"
            " EncodingAESKey 与配置不一致：日志里写明是哪一个。",
        ),
        "push_url",
        "push_callback",
        by_status=False,
    ),
    "https_required": _error(
        "https_required",
        403,
        40303,
        Text(
            "The request came over plain http. Write https:// in the mini program.",
            "请求用的是 http。小程序里请写 https://。",
        ),
        "url",
        "port_80",
        "redirect",
        by_status=False,
    ),
    "method_not_allowed": _error(
        "method_not_allowed",
        405,
        40500,
        Text(
            "The path exists, but not with this method. A redirect turns a POST into a GET.",
            "路径存在，但不支持这个方法。跳转会把 POST 变成 GET。",
        ),
        "redirect",
        "route",
    ),
    "session_key_missing": _error(
        "session_key_missing",
        409,
        40900,
        Text(
            "The server has no session_key of this user. Log in with wx.login, then decrypt.",
            "服务器没有这个用户的 session_key。先用 wx.login 登录，再解密。",
        ),
    ),
    "unsupported_media_type": _error(
        "unsupported_media_type",
        415,
        41500,
        Text(
            "The body is not JSON. Send Content-Type: application/json, and an object as `data`.",
            "请求体不是 JSON。请发送 Content-Type: application/json，并把对象作为 `data`。",
        ),
        "redirect",
    ),
    "rate_limited": _error(
        "rate_limited",
        429,
        42900,
        Text(
            "Too many requests of one client. Wait as long as Retry-After says. If many users are"
            " refused at once, the server sees the proxy's address in place of theirs"
            " (MYAPI_TRUSTED_PROXIES).",
            "同一客户端的请求过多。按 Retry-After 等待。如果很多用户同时被拒绝，"
            "说明服务器把代理的地址当成了用户的地址（MYAPI_TRUSTED_PROXIES）。",
        ),
        "settings",
    ),
}
