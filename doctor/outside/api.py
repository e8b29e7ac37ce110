"""Whether it is the API that answers, through the proxy."""

from __future__ import annotations

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip
from doctor.http1 import Reply
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text, join, printable, untranslated
from doctor.this_server import ask_app


@check(
    "redirects",
    "domain_list",
    fault=Text("calls are redirected", "请求被跳转"),
    needs=(needs.response,),
    fix=Text(
        "answer under the very name that the mini program calls; a redirect to a name that is not"
        " on the domain list fails, and a redirected POST loses its body",
        "让小程序访问的域名直接响应；跳转到不在合法域名列表中的域名会失败，POST 跳转还会丢失请求体",
    ),
)
def redirect(target: Target) -> Finding:
    """Whether calls are redirected."""
    response = needs.needed(target.hello().response)
    if not 300 <= response.status < 400:
        return ok(Text("no redirect", "没有跳转"))
    to = printable(response.headers.get("location", "?"), 100)
    return fail(Text(f"HTTP {response.status} to {to}", f"HTTP {response.status}，跳转到 {to}"))


@check(
    "gateway",
    "timeout",
    "failing",
    fault=Text("the app behind the proxy does not answer", "代理后面的应用没有响应"),
    needs=(needs.channel,),
    follows=("app", "settings", "database"),
    fix=Text(
        "the app behind Nginx does not answer: `systemctl status` and `journalctl -u` of its"
        " service say why; check that proxy_pass and MYAPI_BIND name the same socket",
        "Nginx 后面的应用没有响应：用 `systemctl status` 和 `journalctl -u` 查看服务，"
        "并确认 proxy_pass 与 MYAPI_BIND 指向同一个地址",
    ),
)
def gateway(target: Target) -> Finding:
    """Whether the proxy reaches the app."""
    reply = target.hello()
    if reply.response is None:
        return _no_response(reply)
    if reply.response.status < 500:
        seen = untranslated(f"HTTP {reply.response.status}")
        return ok(seen) if reply.response.is_from_api else skip(needs.NOT_THE_API)
    summary = untranslated(reply.response.summary)
    if target.server is None or not target.server.bind:
        return fail(summary)
    direct = ask_app(target.server.bind, "/healthz", target.step_deadline()).response
    if direct is None or direct.status != 200:
        silent = Text("the app itself does not answer either", "应用本身也没有响应")
        return fail(join([summary, silent]))
    return fail(
        join([summary, Text("the app answers at its own socket", "应用在自己的套接字上响应正常")]),
        Text(
            "Nginx asks at the wrong address or is not allowed to: compare proxy_pass with"
            " MYAPI_BIND, and check the socket's file mode",
            "Nginx 访问的地址不对，或没有权限：核对 proxy_pass 与 MYAPI_BIND，并检查套接字的权限",
        ),
        independent=True,
    )


def _no_response(reply: Reply) -> Finding:
    reason = describe_error(reply.error)
    return fail(Text(f"connected, but: {reason.en}", f"已建立连接，但是：{reason.zh}"))


@check(
    "not_found",
    "tool_only",
    fault=Text("the API does not answer /api/hello", "/api/hello 没有得到 API 的响应"),
    needs=(needs.response,),
    follows=("environment", "icp"),
    fix=Text(
        "in Nginx's server block for this name write `location /api/ { proxy_pass http://…; }`,"
        " without a path or slash after the address, so that /api/hello arrives whole",
        "在该域名的 server 块中写 `location /api/ { proxy_pass http://…; }`，"
        "地址后面不要带路径或斜杠，这样 /api/hello 才会原样到达",
    ),
)
def route(target: Target) -> Finding:
    """Whether the API answers /api/hello with its JSON."""
    response = needs.needed(target.hello().response)
    if 300 <= response.status < 400 or response.status >= 500:
        return skip(Text("see redirect and gateway", "见 redirect 和 gateway 检查项"))
    summary = untranslated(response.summary)
    if response.status == 200 and response.is_from_api and response.json()["code"] == 0:
        return ok(summary)
    if response.is_from_api and response.status == 404:
        lost = Text(
            "the API answers, but does not know the path: the prefix /api was lost on the way",
            "API 有响应，但不认识这个路径：/api 前缀在途中丢失了",
        )
        return fail(join([summary, lost]))
    if response.status == 200:
        return fail(join([summary, Text("another site answers", "响应的是另一个网站")]))
    return fail(summary)
