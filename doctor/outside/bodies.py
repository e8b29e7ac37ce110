"""What happens to bodies on the way."""

from __future__ import annotations

import json
import zlib

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text, join, printable, untranslated

#: A little less than the API's default limit. The empty code is refused before WeChat or the
#: database is asked.
LARGE_BODY = json.dumps({"code": "", "padding": "x" * 65000}).encode("ascii")


@check(
    "too_large",
    "reset",
    fault=Text("large bodies do not reach the app", "较大的请求体到不了应用"),
    stops="nothing",
    needs=(needs.api,),
    fix=Text(
        "write `client_max_body_size 1m;` in Nginx's server block; the app has its own limit"
        " (MYAPI_MAX_BODY_BYTES)",
        "在 Nginx 的 server 块中写 `client_max_body_size 1m;`；"
        "应用自己有上限（MYAPI_MAX_BODY_BYTES）",
    ),
)
def body_limit(target: Target) -> Finding:
    """Whether a body of 64 KB reaches the app."""
    reply = target.call("POST", "/api/auth/login", LARGE_BODY)
    if reply.response is None:
        reason = describe_error(reply.error)
        return fail(Text(f"a body of 64 KB: {reason.en}", f"64 KB 的请求体：{reason.zh}"))
    summary = untranslated(reply.response.summary)
    if reply.response.status == 413:
        return fail(summary)
    if reply.response.is_from_api and reply.response.status == 400:  # as the app refuses it
        return ok(Text("64 KB reach the app", "64 KB 的请求体能到达应用"))
    refused_before = reply.response.is_from_api and reply.response.status < 500
    if refused_before:
        unseen = Text("the response does not show whether it arrived", "响应看不出请求体是否到达")
        return skip(join([unseen, summary]))
    return warn(summary)


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
