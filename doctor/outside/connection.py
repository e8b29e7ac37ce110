"""Connections to each address of the name."""

from __future__ import annotations

import errno

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip
from doctor.network import describe_error
from doctor.target import Probe, Target
from doctor.texts import EMPTY, Text, join


@check(
    "refused",
    "timeout",
    "network",
    fault=Text("the port cannot be reached", "连不上端口"),
    needs=(needs.address,),
    fix=Text(
        "start Nginx, let it listen on 443, and open 443 in two places: the server's firewall and"
        " the cloud console's (security group)",
        "启动 Nginx 并监听 443；443 要放行两处：服务器防火墙，以及云控制台的防火墙（安全组）",
    ),
)
def port(target: Target) -> Finding:
    """Whether the port of HTTPS is open at every IPv4 address."""
    probes = [each for each in target.probes() if not each.address.is_ipv6] or target.probes()
    closed = join(
        Text(f"{each.address}: {reason.en}", f"{each.address}：{reason.zh}")
        for each in probes
        if each.connect_error and (reason := describe_error(each.connect_error))
    )
    number = target.tls_port
    if closed == EMPTY:
        return ok(Text(f"port {number} is open", f"端口 {number} 已开放"))
    evidence = Text(f"port {number} at {closed.en}", f"端口 {number}，{closed.zh}")
    if target.url.is_development:
        return fail(evidence, START)
    if any(each.connect_error is None for each in probes):
        return fail(
            evidence,
            Text(
                "remove the dead address from DNS, or start the server there",
                "从 DNS 中删掉不通的地址，或恢复那台服务器",
            ),
        )
    return fail(evidence)


START = Text("start the development server: `make run`", "启动开发服务器：`make run`")

#: Errors that mean that this computer, not the server, has no IPv6.
NO_ROUTE = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH, errno.EAFNOSUPPORT}


@check(
    "timeout",
    "refused",
    "network",
    "tool_only",
    fault=Text(
        "the AAAA record leads to a dead or another server", "AAAA 记录指向不通的或另一台服务器"
    ),
    needs=(needs.https, needs.address),
    follows=("port", "plain_http", "tls"),
    fix=Text(
        "delete the name's AAAA record, or let Nginx listen on that address too"
        " (listen [::]:443 ssl)",
        "删除该域名的 AAAA 记录，或让 Nginx 也监听这个地址（listen [::]:443 ssl）",
    ),
)
def ipv6(target: Target) -> Finding:
    """Whether an AAAA record leads to the same server: many phones try IPv6 first."""
    probes = [each for each in target.probes() if each.address.is_ipv6]
    if not probes and target.network.is_overridden(target.url.host, target.tls_port):
        return ok(Text("no IPv6 address in --resolve", "--resolve 中没有 IPv6 地址"))
    if not probes:
        return ok(Text("no AAAA record", "没有 AAAA 记录"))
    findings = (_wrong_with_ipv6(each, target.url.host) for each in probes)
    right = ok(Text("the AAAA record leads to the server", "AAAA 记录指向本服务器"))
    return next(filter(None, findings), right)


def _wrong_with_ipv6(probe: Probe, host: str) -> Finding | None:
    address = probe.address
    if isinstance(probe.connect_error, OSError) and probe.connect_error.errno in NO_ROUTE:
        return skip(
            Text(
                f"{address}: this computer has no IPv6, so it cannot be tried from here",
                f"{address}：本机没有 IPv6，无法从这里测试",
            )
        )
    if probe.error:
        reason = describe_error(probe.error)
        return fail(Text(f"{address}: {reason.en}", f"{address}：{reason.zh}"))
    if probe.leaf is None:
        return skip(needs.NO_CHAIN)
    if not probe.leaf.is_valid_for(host):
        names = probe.leaf.listed_names
        return fail(
            Text(
                f"{address} is another server: its certificate is for {names}",
                f"{address} 是另一台服务器：它的证书属于 {names}",
            )
        )
    return None
