"""WeChat's server, and this mini program's account there."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.network import describe_error
from doctor.server.stable_token import ask_stable_token
from doctor.target import Target
from doctor.texts import Text, printable, untranslated

SANDBOX = Text("no AppID is set: the sandbox is in use", "没有设置 AppID：正在使用沙箱")


def wechat_in_use(target: Target) -> Text | None:
    return SANDBOX if target.this_server.uses_sandbox else None


def appid(target: Target) -> Text | None:
    return None if target.this_server.appid else needs.FLASK_DOCTOR


def answer(target: Target) -> Text | None:
    return None if _answer(target) else Text("WeChat gave no answer", "微信没有响应")


@check(
    "login_slow",
    "failing",
    fault=Text("this server cannot reach WeChat", "本服务器连不上微信"),
    stops="logins",
    needs=(wechat_in_use,),
    fix=Text(
        "check the server's DNS (/etc/resolv.conf) and that it can connect to port 443 outside;"
        " `curl -v https://api.weixin.qq.com` shows at which step it fails",
        "检查服务器的 DNS（/etc/resolv.conf）以及能否访问外网 443 端口；"
        "`curl -v https://api.weixin.qq.com` 可以看出卡在哪一步",
    ),
)
def wechat(target: Target) -> Finding:
    """Whether this server reaches WeChat: name, TLS and an answer."""
    (response, error), host = ask_stable_token(target)
    if response is None:
        reason = _why_not(error)
        return fail(Text(f"{host}: {reason.en}", f"{host}：{reason.zh}"))
    if response.status != 200 or not response.json():
        return fail(untranslated(f"{host}: HTTP {response.status}"))
    took = f"{1000 * response.first_byte:.0f} ms"
    return ok(Text(f"{host} answers in {took}", f"{host} 在 {took} 内响应"))


def _why_not(error: Exception | None) -> Text:
    if isinstance(error, ssl.SSLCertVerificationError):
        message = printable(error.verify_message, 80)
        return Text(f"certificate refused: {message}", f"证书未通过验证：{message}")
    return describe_error(error)


ACCOUNT_PROBLEMS = {
    40013: Text("40013: the AppID is wrong", "40013：AppID 不正确"),
    40125: Text("40125: the AppSecret is wrong", "40125：AppSecret 不正确"),
    40243: Text("40243: the AppSecret is frozen", "40243：AppSecret 已被冻结"),
    41002: Text("41002: the AppID is missing", "41002：缺少 AppID"),
    41004: Text("41004: the AppSecret is missing", "41004：缺少 AppSecret"),
}
NOT_ON_ALLOW_LIST = 40164


@check(
    "login",
    fault=Text("WeChat refuses the AppID or the AppSecret", "微信不接受 AppID 或 AppSecret"),
    stops="logins",
    needs=(wechat_in_use, appid, answer),
    fix=Text(
        "copy both again from the console (开发管理 → 开发设置) to MYAPI_WECHAT_APPID and"
        " MYAPI_WECHAT_SECRET; a frozen secret is unfrozen or reset there",
        "到小程序后台“开发管理 → 开发设置”重新复制 AppID 和 AppSecret，写入 MYAPI_WECHAT_APPID 和"
        " MYAPI_WECHAT_SECRET；被冻结的要在那里解冻或重置",
    ),
)
def account(target: Target) -> Finding:
    """Whether WeChat accepts the AppID and the AppSecret."""
    said = _answer(target)
    code = said.get("errcode", 0)
    if isinstance(code, int) and code in ACCOUNT_PROBLEMS:
        return fail(ACCOUNT_PROBLEMS[code])
    if isinstance(said.get("access_token"), str) or code == NOT_ON_ALLOW_LIST:
        return ok(Text("AppID and AppSecret are valid", "AppID 和 AppSecret 有效"))
    return skip(_errcode(said))


@check(
    "allow_list",
    fault=Text("this server is not on WeChat's IP allow list", "本服务器不在微信的 IP 白名单里"),
    stops="nothing",
    needs=(wechat_in_use, appid, answer),
    fix=Text(
        "add this address to the IP allow list in the console (开发管理 → 开发设置 → IP 白名单);"
        " wx.login works without it, calls with an access_token do not",
        "到小程序后台“开发管理 → 开发设置 → IP 白名单”加入这个地址；wx.login 不受影响，"
        "但使用 access_token 的接口会失败",
    ),
)
def allow_list(target: Target) -> Finding:
    """Whether this server's address is on WeChat's allow list."""
    said = _answer(target)
    if isinstance(said.get("access_token"), str):
        return ok(Text("WeChat accepts calls from this address", "微信接受来自本机地址的调用"))
    if said.get("errcode") != NOT_ON_ALLOW_LIST:
        return skip(_errcode(said))
    seen = ", ".join(_addresses(str(said.get("errmsg", "")))) or "?"
    return warn(Text(f"40164: {seen} is not on the list", f"40164：{seen} 不在白名单中"))


def _addresses(errmsg: str) -> list[str]:
    """List the addresses in `invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist`, each once.

    WeChat names the same IPv4 address in both forms; one that came by IPv6 differs.
    """
    found = []
    for word in re.split(r"[\s,]+", errmsg):
        with suppress(ValueError):
            address = ipaddress.ip_address(word)
            found.append(str(getattr(address, "ipv4_mapped", None) or address))
    return list(dict.fromkeys(found))


def _answer(target: Target) -> dict[str, Any]:
    """Return WeChat's JSON; {} if there is none."""
    response = ask_stable_token(target).reply.response
    return response.json() if response else {}


def _errcode(answer: Mapping[str, Any]) -> Text:
    code = answer.get("errcode")
    number = code if isinstance(code, int) else "?"
    message = printable(str(answer.get("errmsg", "")), 80)
    return Text(f"WeChat answers {number}: {message}", f"微信返回 {number}：{message}")
