"""The URL, and the name in it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.network import Url
from doctor.target import Target
from doctor.texts import Text, join, printable, untranslated


@check(
    "domain_list",
    "upload_domain_list",
    "tool_only",
    "bad_url",
    fault=Text("WeChat does not accept this URL", "微信不接受这个 URL"),
    fix=Text(
        "write https://NAME and nothing else in the mini program and in its console, in the lists"
        " for request and for uploadFile: lower case, no port, no path",
        "小程序代码和后台的 request、uploadFile 合法域名都只写 https://域名：小写，不带端口和路径",
    ),
)
def url(target: Target) -> Finding:
    """Whether WeChat accepts the URL."""
    if target.url.is_development:
        return ok(
            Text(
                "a development server on this machine; phones need https on a filed domain",
                "本机的开发服务器；手机访问需要 https 和已备案的域名",
            )
        )
    wrong = list(_wrong_with(target.url))
    if wrong:
        return fail(join(wrong))
    if target.url.has_port:
        return warn(
            Text(
                "the URL has a port: the console must have the same one",
                "写了端口：后台也必须写同样的端口",
            ),
            Text("leave the port out, here and in the console", "代码和后台都不要写端口"),
            Text("the URL has a port", "URL 带有端口"),
        )
    return ok(untranslated(f"https://{target.url.host}"))


def _wrong_with(url: Url) -> Iterator[Text]:
    if url.scheme != "https":
        scheme = printable(url.scheme, 20)
        yield Text(f"the scheme is {scheme}, not https", f"协议是 {scheme}，不是 https")
    if url.has_userinfo:
        yield Text("it contains a user name", "地址里带有用户名")
    if url.path.strip("/"):
        yield Text("it contains a path", "地址里带有路径")
    if re.search(r"[A-Z]", url.text):
        yield Text("it contains upper case", "地址里有大写字母")
    if url.scheme == "https" and url.has_port and url.port == 443:
        yield Text(
            "it contains :443, which does not match a console entry without a port",
            "写了 :443，而后台没有配置端口，会校验失败",
        )
    yield from _wrong_with_host(url.host)


def _wrong_with_host(host: str) -> Iterator[Text]:
    if _is_ip_address(host):
        yield Text("it has an IP address in place of a name", "用的是 IP 地址，不是域名")
    elif "." not in host or "_" in host:
        yield Text("the host is not a public domain name", "这不是公网域名")
    if host.endswith("weixin.qq.com"):
        yield Text("WeChat does not allow its own domain", "微信自己的域名不能配置为合法域名")


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@check(
    "not_resolved",
    "tool_only",
    fault=Text("the name has no public address", "域名没有公网地址"),
    needs=(needs.https,),
    fix=Text(
        "at the domain's DNS provider, point an A record to the server's public IPv4 address",
        "到域名的 DNS 服务商处，把 A 记录指向服务器的公网 IPv4 地址",
    ),
)
def dns(target: Target) -> Finding:
    """Whether the name has addresses, and all of them can be reached from other networks."""
    found = target.addresses()
    host = target.url.host
    if isinstance(found, Exception):
        reason = printable(getattr(found, "strerror", None) or str(found), 60)
        return fail(Text(f"{host} has no address ({reason})", f"{host} 没有解析结果（{reason}）"))
    if not found:
        return fail(Text(f"{host} has no address", f"{host} 没有解析结果"))
    listed = ", ".join(map(str, found))
    if target.network.is_overridden(host, target.tls_port):
        return ok(Text(f"{listed}, set by --resolve", f"{listed}，由 --resolve 指定"))
    if any(_is_fake(address.ip) for address in found):
        return skip(
            Text(
                f"{listed}: a proxy or VPN on this computer answers in place of the name server;"
                " turn it off to judge",
                f"{listed}：本机的代理或 VPN 代替 DNS 做了响应；关掉它才能判断",
            )
        )
    private = [address.ip for address in found if not ipaddress.ip_address(address.ip).is_global]
    if private:
        return fail(
            Text(
                f"{', '.join(private)} is not a public address: other networks cannot reach it",
                f"{', '.join(private)} 不是公网地址，其他网络访问不到",
            )
        )
    return ok(untranslated(listed))


def _is_fake(ip: str) -> bool:
    """Whether it is an address that proxy software invents (198.18.0.0/15, RFC 2544)."""
    return ipaddress.ip_address(ip) in ipaddress.ip_network("198.18.0.0/15")
