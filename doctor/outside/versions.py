"""The versions of TLS that the server offers."""

from __future__ import annotations

import os
import ssl

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.deadlines import remaining
from doctor.http1 import receive
from doctor.network import Address, closed_in_handshake
from doctor.target import Probe, Target
from doctor.texts import Text, untranslated
from doctor.trust import unverified_context


@check(
    "ssl",
    "tool_only",
    fault=Text("TLS 1.2 or 1.3 is missing", "缺少 TLS 1.2 或 1.3"),
    needs=(needs.https, needs.connection),
    follows=("icp",),
    fix=Text(
        "write `ssl_protocols TLSv1.2 TLSv1.3;` in Nginx, and reload",
        "在 Nginx 中写 `ssl_protocols TLSv1.2 TLSv1.3;` 并重新加载",
    ),
)
def tls_versions(target: Target) -> Finding:
    """Whether TLS 1.2, which old phones need, and TLS 1.3 are both offered."""
    probe = needs.needed(target.connected_probe())
    if not ssl.HAS_TLSv1_3:
        return skip(Text("this Python does not support TLS 1.3", "当前 Python 不支持 TLS 1.3"))
    offers_1_2 = _offers(target, probe, ssl.TLSVersion.TLSv1_2)
    offers_1_3 = _offers(target, probe, ssl.TLSVersion.TLSv1_3)
    if None in (offers_1_2, offers_1_3):
        return skip(needs.NO_TLS)
    if offers_1_2 and offers_1_3:
        return ok(untranslated("TLS 1.2, TLS 1.3"))
    if offers_1_3:
        return fail(Text("TLS 1.2 is not offered", "没有提供 TLS 1.2"))
    if not offers_1_2:
        return fail(Text("neither TLS 1.2 nor 1.3 is offered", "TLS 1.2 和 1.3 都没有提供"))
    return warn(Text("TLS 1.3 is not offered", "没有提供 TLS 1.3"))


def _offers(target: Target, probe: Probe, version: ssl.TLSVersion) -> bool | None:
    """Return None if the answer was neither TLS nor a refusal by a server that speaks TLS."""
    context = unverified_context()
    try:
        context.minimum_version = context.maximum_version = version
        target.handshake(probe.address, context)
    except (OSError, ValueError) as error:
        closed = isinstance(error, ConnectionResetError) or closed_in_handshake(error)
        if _is_alert(error) or (closed and probe.speaks_tls):
            return False
        return None
    return True


def _is_alert(error: Exception) -> bool:
    """Whether the other side refused in TLS's own words (RFC 8446, 6)."""
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    return "ALERT" in reason or reason == "UNSUPPORTED_PROTOCOL"


@check(
    "unseen",
    fault=Text("old versions of TLS are offered", "仍提供旧版本的 TLS"),
    stops="nothing",
    needs=(needs.https, needs.connection),
    fix=Text(
        "remove TLSv1 and TLSv1.1 from ssl_protocols: no phone that runs WeChat needs them",
        "从 ssl_protocols 中去掉 TLSv1 和 TLSv1.1：能运行微信的手机都不需要它们",
    ),
)
def tls_old(target: Target) -> Finding:
    """Whether TLS 1.0 or 1.1 is offered. Today's OpenSSL does not ask for them, so we do."""
    probe = needs.needed(target.connected_probe())
    hello = _server_hello(target, probe.address)
    version = _old_version(hello or b"")
    if version:
        return warn(Text(f"TLS {version} is offered", f"仍提供 TLS {version}"))
    refused = hello is not None and (hello[:1] == ALERT or (not hello and probe.speaks_tls))
    if not refused:
        return skip(needs.NO_TLS)
    return ok(Text("TLS 1.0 and 1.1 are refused", "已拒绝 TLS 1.0 和 1.1"))


ALERT = b"\x15"  # the type of a TLS record


def _server_hello(target: Target, address: Address) -> bytes | None:
    """Return the beginning of the answer, b"" if the server closed, None if nothing came."""
    deadline = target.step_deadline()
    data = b""
    try:
        with target.network.connect(address, deadline) as sock:
            sock.settimeout(remaining(deadline))
            sock.sendall(_client_hello(target.url.host))
            while len(data) < 11 and (more := receive(sock, deadline)):
                data += more
    except ConnectionResetError:
        return data
    except OSError:
        return data or None
    return data


def _old_version(hello: bytes) -> str | None:
    """Return the version that a ServerHello chose, if it is an old one."""
    if hello[:1] != b"\x16" or hello[5:6] != b"\x02":  # a handshake record, a ServerHello
        return None
    return {b"\3\1": "1.0", b"\3\2": "1.1"}.get(hello[9:11])


def _client_hello(host: str) -> bytes:
    """Build a ClientHello for TLS 1.1 at most (RFC 4346, and RFC 6066 for the name)."""

    def sized(content: bytes, size: int) -> bytes:
        return len(content).to_bytes(size, "big") + content

    ciphers = bytes.fromhex("c013c014c009c00a002f0035000a")
    names = sized(b"\0" + sized(host.encode("ascii"), 2), 2)
    extensions = (
        b"\0\0"
        + sized(names, 2)
        + bytes.fromhex("000a 0006 0004 0017 0018")  # the curves P-256 and P-384
        + bytes.fromhex("000b 0002 0100")  # uncompressed points
    )
    hello = b"\3\2" + os.urandom(32) + b"\0" + sized(ciphers, 2) + b"\1\0" + sized(extensions, 2)
    return b"\x16\3\1" + sized(b"\1" + sized(hello, 3), 2)
