"""That nothing is answered over plain HTTP."""

from __future__ import annotations

import re

from doctor import needs
from doctor.checks import Finding, check, fail, ok, warn
from doctor.http1 import Response
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text, join, printable, untranslated

HALF_A_YEAR = 180 * 86400  # s


@check(
    "unseen",
    fault=Text("browsers are not told to use https only", "没有要求浏览器只用 https"),
    stops="nothing",
    needs=(needs.https, needs.response),
    fix=Text(
        'write `add_header Strict-Transport-Security "max-age=63072000" always;` in Nginx',
        '在 Nginx 中写 `add_header Strict-Transport-Security "max-age=63072000" always;`',
    ),
)
def hsts(target: Target) -> Finding:
    """Whether browsers are told to use HTTPS only (RFC 6797)."""
    response = needs.needed(target.hello().response)
    header = response.headers.get("strict-transport-security")
    if header is None:
        return warn(Text("no Strict-Transport-Security", "没有 Strict-Transport-Security"))
    value = printable(header, 60)
    age = re.search(r'max-age\s*=\s*"?(\d{1,12})', header, re.IGNORECASE)
    if age is None or int(age[1]) < HALF_A_YEAR:
        return warn(Text(f"shorter than half a year: {value}", f"不足半年：{value}"))
    return ok(untranslated(value))


@check(
    "unseen",
    fault=Text("port 80 does not do what it should", "80 端口的行为不对"),
    stops="nothing",
    needs=(needs.https, needs.address),
    follows=("icp", "port"),
    fix=Text(
        "let Nginx on port 80 answer /api with 403 and redirect the rest to https; leave the port"
        " open, since certbot needs it to renew",
        "80 端口上让 Nginx 对 /api 返回 403，其余跳转到 https；端口保持开放，certbot 续期要用",
    ),
)
def port_80(target: Target) -> Finding:
    """Whether the API answers plain HTTP, where tokens could be read on the way."""
    reply = target.plain_hello()
    if reply.response is not None:
        return _judge_plain(reply.response, target.url.host)
    reason = describe_error(reply.error)
    return warn(
        Text(
            f"port 80: {reason.en}; certbot cannot renew over it",
            f"80 端口：{reason.zh}；certbot 无法用它续期",
        )
    )


def _judge_plain(response: Response, host: str) -> Finding:
    summary = untranslated(response.summary)
    if response.status == 200 and response.is_from_api:
        plain = Text("the API answers over plain HTTP", "API 能以明文 HTTP 访问")
        return fail(join([plain, summary]), fault=plain)
    if response.status == 403 and response.json().get("error") == "https_required":
        return ok(untranslated("403 https_required"))
    location = response.headers.get("location", "").lower()
    if 300 <= response.status < 400 and location.startswith(f"https://{host}/"):
        return ok(Text("it redirects to https", "跳转到 https"))
    return warn(summary)
