"""What a phone shows when the API cannot be used, in WeChat's own words."""

from __future__ import annotations

from typing import NamedTuple

from doctor.texts import Text


class Symptom(NamedTuple):
    """`wordings` is a regular expression for how people write it when they ask for help."""

    wordings: str
    text: Text


#: Every check names one or more of these; `--explain` goes from a wording to the checks.
#: miniprogram/myapi/errors.js has the same texts, and a test compares them.
SYMPTOMS: dict[str, Symptom] = {
    "domain_list": Symptom(
        r"domain list|600002|合法域名|域名.{0,4}(列表|配置|校验)|url not in",
        Text(
            "url not in domain list (errno 600002)",
            "url not in domain list：不在以下 request 合法域名列表中（errno 600002）",
        ),
    ),
    "bad_url": Symptom(
        r"600009|invalid url|bad url|无效.{0,3}(url|地址)",
        Text(
            "request:fail invalid url (errno 600009)", "request:fail URL 格式不合法（errno 600009）"
        ),
    ),
    "tool_only": Symptom(
        r"\btools?\b|on (the |a )?phone|real device|android|开发者工具|真机|手机|预览|体验版|安卓",
        Text(
            "it works in the developer tool, not on the phone",
            "开发者工具里正常，真机上不行",
        ),
    ),
    "network": Symptom(
        r"request:?\s?fail|60000[01]|602001|net::|ERR_FAILED|(?<![\d.])-[1-4](?!\d)|网络(错误|异常)",
        Text(
            "request:fail (errno 600001, 600000 or 602001; inside it errcode -1 to -4)",
            "request:fail（errno 600001、600000 或 602001，其中 errcode 为 -1 到 -4）",
        ),
    ),
    "not_resolved": Symptom(
        r"NAME_NOT_RESOLVED|-105\b|-1003\b|unknown host|域名解析",
        Text(
            "net::ERR_NAME_NOT_RESOLVED (-105) in errno 600001",
            "errno 600001 中的 net::ERR_NAME_NOT_RESOLVED（-105）：域名解析失败",
        ),
    ),
    "refused": Symptom(
        r"REFUSED|-102\b|-1004\b|拒绝连接|连接被拒",
        Text(
            "net::ERR_CONNECTION_REFUSED (-102) in errno 600001",
            "errno 600001 中的 net::ERR_CONNECTION_REFUSED（-102）：连接被拒绝",
        ),
    ),
    "timeout": Symptom(
        r"errno\W{0,3}5(?!\d)|^\W*5\W*$|(?<!wechat_)time ?d? ?-?out|TIMED_OUT|-118\b|-1001\b|超时",
        Text("request:fail timeout (errno 5)", "request:fail timeout 请求超时（errno 5）"),
    ),
    "reset": Symptom(
        r"RESET|-10[01]\b|CONNECTION_CLOSED|连接(被)?重置",
        Text(
            "net::ERR_CONNECTION_RESET (-101) in errno 600001",
            "errno 600001 中的 net::ERR_CONNECTION_RESET（-101）：连接被重置",
        ),
    ),
    "ssl": Symptom(
        r"ssl|hand\s?shake|\btls|-107\b|-1200\b|握手",
        Text("ssl hand shake error (-107)", "ssl hand shake error：TLS 握手失败（-107）"),
    ),
    "certificate": Symptom(
        r"-202\b|AUTHORITY_INVALID|-1202\b|certificate|ssl|hand\s?shake|证书",
        Text(
            "net::ERR_CERT_AUTHORITY_INVALID (-202) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_AUTHORITY_INVALID（-202）：证书不受信任",
        ),
    ),
    "certificate_name": Symptom(
        r"-200\b|COMMON_NAME|证书.{0,4}域名",
        Text(
            "net::ERR_CERT_COMMON_NAME_INVALID (-200) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_COMMON_NAME_INVALID（-200）：证书与域名不符",
        ),
    ),
    "certificate_date": Symptom(
        r"-201\b|CERT_DATE|expired|not yet valid|过期|有效期|生效",
        Text(
            "net::ERR_CERT_DATE_INVALID (-201) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_DATE_INVALID（-201）：证书不在有效期内",
        ),
    ),
    "redirects": Symptom(
        r"600008|redirect|重定向|跳转|\b30[1278]\b",
        Text("too many redirects (errno 600008)", "重定向过多（errno 600008）"),
    ),
    "not_found": Symptom(
        r"\b404\b|not.found|html|unexpected token|找不到",
        Text(
            "success with statusCode 404, or HTML in res.data",
            "success 回调里 statusCode 为 404，或 res.data 是 HTML",
        ),
    ),
    "gateway": Symptom(
        r"\b50[234]\b|bad gateway|gateway time|service unavailable|网关",
        Text(
            "success with statusCode 502, 503 or 504",
            "success 回调里 statusCode 为 502、503 或 504",
        ),
    ),
    "too_large": Symptom(
        r"\b413\b|too large|过大|太大",
        Text("success with statusCode 413", "success 回调里 statusCode 为 413"),
    ),
    "login": Symptom(
        r"40013|40125|40243|misconfigured|50001|login|登录",
        Text(
            "every login fails with wechat_misconfigured (40013, 40125, 40243)",
            "所有登录都失败，返回 wechat_misconfigured（40013、40125、40243）",
        ),
    ),
    "allow_list": Symptom(
        r"40164|white ?list|allow list|白名单",
        Text(
            "errcode 40164: invalid ip, not in whitelist", "errcode 40164：服务器 IP 不在白名单中"
        ),
    ),
    "login_slow": Symptom(
        r"wechat_(unavailable|timeout)|50200|50400|login|登录",
        Text(
            "logins fail with wechat_unavailable or wechat_timeout",
            "登录失败，返回 wechat_unavailable 或 wechat_timeout",
        ),
    ),
    "failing": Symptom(
        r"\b50[03]\b|internal_error|service_unavailable|database|locked|数据库|服务器错误",
        Text(
            "success with statusCode 500 or 503 (service_unavailable)",
            "success 回调里 statusCode 为 500 或 503（service_unavailable）",
        ),
    ),
    "clock": Symptom(
        r"decrypt|解密|clock|时间|时钟",
        Text(
            'decrypt_failed, or a certificate that is "not yet valid"',
            "返回 decrypt_failed，或提示证书“尚未生效”",
        ),
    ),
    "slow": Symptom(
        r"\bslow|latency|卡|慢|延迟",
        Text("every call is slow", "每次请求都很慢"),
    ),
    "unseen": Symptom(
        r"security|安全",
        Text(
            "nothing on the phone yet: a risk, not a failure",
            "手机上暂时没有现象：这是风险，还不是故障",
        ),
    ),
}
