"""What happens to bodies on the way."""

from __future__ import annotations

import json
import zlib

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text, join, printable, untranslated

LARGE = 65024  # bytes; a little less than the API's default limit
MOST = 2**20  # bytes that are sent, however much the API takes


@check(
    "too_large",
    "reset",
    fault=Text("large bodies do not reach the app", "较大的请求体到不了应用"),
    stops="nothing",
    needs=(needs.api,),
    fix=Text(
        "run `sudo deploy/myapi up` again with its options; in an Nginx of your own write"
        " `client_max_body_size 1m;` in the server block; the app has its own limit"
        " (MYAPI_MAX_BODY_BYTES)",
        "用原来的选项再次运行 `sudo deploy/myapi up`；自己配置的 Nginx 则在 server 块中写"
        " `client_max_body_size 1m;`；应用自己有上限（MYAPI_MAX_BODY_BYTES）",
    ),
)
def body_limit(target: Target) -> Finding:
    """Whether the largest body that the app takes reaches it; 64 KB where that is not known."""
    size = min(target.this_server.max_body_bytes or LARGE, MOST)
    reply = target.call("POST", "/api/auth/login", _body(size))
    kilobytes = f"{-(-size // 1024)} KB"
    if reply.response is None:
        reason = describe_error(reply.error)
        return fail(
            Text(f"a body of {kilobytes}: {reason.en}", f"{kilobytes} 的请求体：{reason.zh}")
        )
    summary = untranslated(reply.response.summary)
    if reply.response.status == 413:
        return fail(summary)
    if reply.response.is_from_api and reply.response.status == 400:  # as the app refuses it
        return ok(Text(f"{kilobytes} reach the app", f"{kilobytes} 的请求体能到达应用"))
    refused_before = reply.response.is_from_api and reply.response.status < 500
    if refused_before:
        unseen = Text("the response does not show whether it arrived", "响应看不出请求体是否到达")
        return skip(join([unseen, summary]))
    return warn(summary)


def _body(size: int) -> bytes:
    """Make a login of this size; its code is refused before WeChat or the database is asked."""
    login = {"code": "", "padding": ""}
    return json.dumps({**login, "padding": "x" * (size - len(json.dumps(login)))}).encode("ascii")


@check(
    "network",
    "not_found",
    fault=Text("the response is compressed wrongly", "响应的压缩有误"),
    needs=(needs.response,),
    fix=Text(
        "compress in Nginx (gzip on; gzip_types application/json;) or nowhere, and only if the"
        " request allows it",
        "压缩只交给 Nginx（gzip on; gzip_types application/json;）或都不压缩，"
        "并且只在请求允许时压缩",
    ),
)
def compression(target: Target) -> Finding:
    """Whether a compressed response can be unpacked."""
    response = needs.needed(target.hello().response)
    coding = printable(response.headers.get("content-encoding", "identity"), 20)
    if coding.lower() not in ("identity", "", "gzip", "deflate"):
        return fail(
            Text(f"only gzip was allowed, {coding} came", f"只允许 gzip，返回的却是 {coding}")
        )
    try:
        response.unpacked()
    except zlib.error:
        return fail(Text(f"labelled {coding}, but it is not", f"标明是 {coding}，内容却不是"))
    if not response.is_from_api:
        return skip(needs.NOT_THE_API)
    if coding.lower() in ("identity", ""):
        return ok(
            Text("not compressed, which is right for so little", "没有压缩，内容很小，这样是对的")
        )
    return ok(untranslated(coding))
