"""The server's clock, and how long a call takes."""

from __future__ import annotations

import email.utils
import time
from datetime import timezone

from doctor import needs
from doctor.checks import Finding, check, ok, skip
from doctor.target import Target
from doctor.texts import Text, untranslated


@check(
    "clock",
    "certificate_date",
    fault=Text("the clocks of the server and of this computer differ", "服务器和本机的时钟不一致"),
    needs=(needs.response,),
    fix=Text(
        "set the clock that is wrong from the network: `timedatectl set-ntp true`",
        "用网络时间校准不准的那个时钟：`timedatectl set-ntp true`",
    ),
)
def clock(target: Target) -> Finding:
    """Whether the server's clock agrees with this computer's."""
    response = needs.needed(target.hello().response)
    try:
        date = email.utils.parsedate_to_datetime(response.headers.get("date", ""))
        ahead = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError):
        return skip(Text("no Date in the response", "响应中没有 Date"))
    if abs(ahead) <= 60:
        return ok(untranslated(f"{ahead:+.0f} s"))
    return Finding(
        "fail" if abs(ahead) > 300 else "warn",
        Text(
            f"the server differs from this computer by {ahead:+.0f} s; either may be wrong",
            f"服务器与本机相差 {ahead:+.0f} 秒；也可能是本机不准",
        ),
    )


SLOW, VERY_SLOW = 1.0, 5.0  # s for connection, TLS and first byte together


@check(
    "slow",
    "timeout",
    fault=Text("calls are slow", "请求很慢"),
    stops="nothing",
    needs=(needs.api,),
    fix=Text(
        "slow to connect: the network, or a server far from its users; slow to the first byte: the"
        " app or its database (see ms in the log, and the load)",
        "连接慢：网络问题，或服务器离用户太远；首字节慢：应用或数据库（看日志中的 ms 和机器负载）",
    ),
)
def latency(target: Target) -> Finding:
    """How long a call takes from here."""
    probe = needs.needed(target.tls_probe())
    response = needs.needed(target.hello().response)
    parts = (probe.connect_time, probe.tls_time, response.first_byte)
    connect, tls, first = (f"{1000 * part:.0f} ms" for part in parts)
    evidence = Text(
        f"connect {connect}, TLS {tls}, first byte {first}",
        f"连接 {connect}，TLS {tls}，首字节 {first}",
    )
    if target.url.is_development:
        evidence = Text(f"first byte {first}", f"首字节 {first}")
    total = sum(parts)
    return Finding("fail" if total > VERY_SLOW else "warn" if total > SLOW else "ok", evidence)
