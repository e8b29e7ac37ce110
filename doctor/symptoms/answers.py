"""HTTP answers: of a proxy, of another site, or errors that several causes share.

`success` of wx.request is called for every status.
"""

from __future__ import annotations

from doctor.symptoms.symptom import Symptom, numbers
from doctor.texts import Text

ANSWERS: dict[str, Symptom] = {
    "login": Symptom(
        Text(
            "every login fails with wechat_misconfigured (40013, 40125, 40243)",
            "所有登录都失败，返回 wechat_misconfigured（40013、40125、40243）",
        ),
        Text(
            "WeChat refuses the server's AppID or AppSecret. The log names the errcode.",
            "微信拒绝了服务器的 AppID 或 AppSecret。日志里有具体的 errcode。",
        ),
        r"misconfigured|" + numbers(50001),
        r"log ?in(?!:)|登录",
        ("account", "wechat", "environment"),
    ),
    "login_slow": Symptom(
        Text(
            "logins fail with wechat_unavailable or wechat_timeout",
            "登录失败，返回 wechat_unavailable 或 wechat_timeout",
        ),
        Text(
            "The server cannot reach WeChat, or WeChat does not answer in time. It may pass; if it"
            " stays, look at the server's DNS and its way out to port 443.",
            "服务器连不上微信，或微信没有及时响应。可能很快恢复；如果一直这样，"
            "检查服务器的 DNS 和访问外网 443 端口的能力。",
        ),
        r"wechat_(unavailable|timeout)|" + numbers(50200, 50400),
        checks=("wechat", "account"),
    ),
    "clock": Symptom(
        Text(
            'decrypt_failed, or a certificate that is "not yet valid"',
            "返回 decrypt_failed，或提示证书“尚未生效”",
        ),
        Text(
            "decrypt_failed: the session_key was replaced by a newer wx.login (log in, then read"
            " the data, then decrypt), or the server's clock is wrong. A certificate that is not"
            " yet valid: a clock is wrong.",
            "decrypt_failed：session_key 已被更新的 wx.login 替换（先登录，再取数据，再解密），"
            "或服务器时钟不准。证书尚未生效：时钟不准。",
        ),
        r"decrypt|解密|" + numbers(40002),
        r"clock|时间|时钟",
        ("clock", "clock_synchronised", "dates"),
    ),
    "gateway": Symptom(
        Text(
            "success with statusCode 502, 503 or 504",
            "success 回调里 statusCode 为 502、503 或 504",
        ),
        Text(
            "The proxy answers, the app behind it does not: it is stopped, overloaded or too slow.",
            "代理有响应，但它后面的应用没有：应用停止、过载或太慢。",
        ),
        r"bad gateway|gateway time-?out|service (temporarily )?unavailable|网关",
        numbers(502, 503, 504),
        ("gateway", "app", "settings"),
    ),
    "failing": Symptom(
        Text(
            "success with statusCode 500 or 503 (service_unavailable)",
            "success 回调里 statusCode 为 500 或 503（service_unavailable）",
        ),
        Text(
            "The app answers but fails: the database is away, locked, full or not migrated, or"
            " there is a bug. The log has the request_id of the answer.",
            "应用有响应但出错了：数据库不可用、被锁、磁盘满或未迁移，或者有 bug。"
            "用响应里的 request_id 到日志里查。",
        ),
        r"internal_error|service_unavailable|internal server error|"
        r"database (is |table is )?(locked|full)|数据库|" + numbers(50000, 50300),
        r"database|locked|服务器(内部)?错误|" + numbers(500),
        ("database", "app", "disk"),
    ),
    "too_large": Symptom(
        Text("success with statusCode 413", "success 回调里 statusCode 为 413"),
        Text(
            "The body is larger than Nginx (client_max_body_size) or the app"
            " (MYAPI_MAX_BODY_BYTES) allows.",
            "请求体超过了 Nginx（client_max_body_size）或应用（MYAPI_MAX_BODY_BYTES）的上限。",
        ),
        r"payload_too_large|entity too large|" + numbers(41300),
        r"too large|过大|太大|" + numbers(413),
        ("body_limit", "limits"),
    ),
    "not_found": Symptom(
        Text(
            "success with statusCode 404, or HTML in res.data",
            "success 回调里 statusCode 为 404，或 res.data 是 HTML",
        ),
        Text(
            "Something answers, but not the API at this path: a wrong path, Nginx without a"
            " location for /api/, a lost prefix, or another site.",
            "有响应，但不是这个路径上的 API：路径写错、Nginx 没有配置 /api/、"
            "前缀在途中丢失，或是另一个网站。",
        ),
        r"not_found|unexpected token '?<|" + numbers(40400),
        r"not found|html|no json|unexpected token|找不到|" + numbers(404),
        ("route", "redirect", "environment"),
    ),
    "forbidden": Symptom(
        Text("success with statusCode 403", "success 回调里 statusCode 为 403"),
        Text(
            "The request is refused. `error` in the body says why: development_only, user_banned,"
            " wechat_blocked_user or https_required. A body that is not JSON comes from Nginx, a"
            " firewall or a block page (ICP).",
            "请求被拒绝。响应体的 `error` 写明原因：development_only、user_banned、"
            "wechat_blocked_user 或 https_required。响应体不是 JSON 时，"
            "来自 Nginx、防火墙或备案拦截页。",
        ),
        "",
        r"forbidden|" + numbers(403),
        ("environment", "icp", "route"),
    ),
    "status": Symptom(
        Text(
            "success with another statusCode",
            "success 回调里是其他 statusCode",
        ),
        Text(
            "success of wx.request is called for every HTTP status: 2xx is a success, 4xx means"
            " that the request is refused, 5xx that the server failed. Read `error` in the body.",
            "wx.request 对任何 HTTP 状态码都调用 success：2xx 是成功，4xx 是请求被拒绝，"
            "5xx 是服务器出错。请看响应体里的 `error`。",
        ),
        "",
        r"(status(_?code)?|http|状态码)\W{0,4}[1-5]\d\d(?!\d)",
        ("route", "gateway", "app"),
    ),
}
