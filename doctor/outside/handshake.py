"""The TLS handshake."""

from __future__ import annotations

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip
from doctor.http1 import NotHttpError, build_request, exchange
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text


@check(
    "ssl",
    "network",
    fault=Text("the port of HTTPS speaks plain HTTP", "HTTPS 端口使用的是明文 HTTP"),
    needs=(needs.https, needs.connection),
    fix=Text(
        "write `listen 443 ssl;` with ssl_certificate and ssl_certificate_key in Nginx's server"
        " block, test with `nginx -t`, and reload",
        "在 Nginx 的 server 块中写 `listen 443 ssl;` 并配置 ssl_certificate 和"
        " ssl_certificate_key，用 `nginx -t` 检查后重新加载",
    ),
)
def plain_http(target: Target) -> Finding:
    """Whether the port of HTTPS answers plain HTTP."""
    connected = target.connected_probes()
    speaks_tls = ok(Text("the port speaks TLS", "该端口使用 TLS"))
    probe = next((each for each in connected if not each.speaks_tls), None)
    if probe is None:
        return speaks_tls
    deadline = target.step_deadline()
    try:
        request = build_request("GET", "/", target.url.host)
        with target.network.connect(probe.address, deadline) as sock:
            response = exchange(sock, request, deadline)
    except NotHttpError:
        return ok(Text("the port does not speak plain HTTP", "该端口没有使用明文 HTTP"))
    except (OSError, ValueError) as error:
        reason = describe_error(error)
        return skip(
            Text(f"no answer to plain HTTP: {reason.en}", f"明文 HTTP 没有响应：{reason.zh}")
        )
    if response.status == 400 and b"HTTPS port" in response.body:  # as Nginx answers
        return speaks_tls
    return fail(
        Text(
            f"port {target.tls_port} answers plain HTTP ({response.status})",
            f"端口 {target.tls_port} 响应的是明文 HTTP（{response.status}）",
        )
    )


@check(
    "ssl",
    "reset",
    "network",
    fault=Text("the TLS handshake fails", "TLS 握手失败"),
    needs=(needs.https, needs.connection),
    follows=("plain_http", "icp", "tls_versions"),
    fix=Text(
        "read Nginx's error log: it needs `ssl_protocols TLSv1.2 TLSv1.3;`, a certificate for this"
        " name, and the key that belongs to it",
        "查看 Nginx 错误日志：需要 `ssl_protocols TLSv1.2 TLSv1.3;`、该域名的证书和匹配的私钥",
    ),
)
def tls(target: Target) -> Finding:
    """Whether the handshake succeeds at every IPv4 address."""
    connected = target.connected_probes()
    probes = [each for each in connected if not each.address.is_ipv6] or connected
    failed = [each for each in probes if each.tls_error]
    if not failed:
        return ok(Text("the handshake succeeds", "握手成功"))
    address, reason = failed[0].address, describe_error(failed[0].tls_error)
    return fail(Text(f"{address}: {reason.en}", f"{address}：{reason.zh}"))
