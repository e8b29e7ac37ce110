"""The certificate chain, from the domain's certificate to a root."""

from __future__ import annotations

from collections.abc import Sequence

from doctor.certificates import Certificate, common_name, issuer_path
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.outside.skipped import NO_CHAIN, NOT_CONNECTED
from doctor.target import Probe, Target
from doctor.texts import Text
from doctor.trust import Trust

NO_ROOTS = Text(
    "cannot judge: no root certificates were found on this computer; name a file with --ca",
    "无法判断：本机没有找到根证书；请用 --ca 指定文件",
)

# OpenSSL's verify codes
SELF_SIGNED_LEAF, SELF_SIGNED_IN_CHAIN = 18, 19
ISSUER_NOT_FOUND = (20, 21)


@check(
    "tool_only",
    "certificate",
    "ssl",
    fix=Text(
        "let ssl_certificate name the full chain (certbot: fullchain.pem; a downloaded zip: its"
        " .pem, with the intermediate below the domain's certificate), then reload Nginx",
        "ssl_certificate 要指向完整证书链（certbot 用 fullchain.pem；下载的 zip 用其中的 .pem，"
        "域名证书之后要有中间证书），然后重新加载 Nginx",
    ),
)
def chain(target: Target) -> Finding:
    """Whether the intermediate is sent: Android does not fetch a missing one."""
    probe = target.tls_probe()
    if probe is None:
        return skip(NOT_CONNECTED)
    if not probe.chain:
        return _judge_by_openssl(probe)
    path = issuer_path(probe.chain)
    issuer = common_name(path[-1].issuer)
    if path[-1].is_self_signed:
        sent = len(probe.chain)
        return ok(
            Text(
                f"{sent} certificates sent, up to {issuer}", f"发送了 {sent} 个证书，直到 {issuer}"
            )
        )
    if not target.trust.has_roots:
        return skip(NO_ROOTS)
    trusted = target.trust.find(path[-1].issuer)
    if trusted and not trusted.is_self_signed:
        return fail(
            Text(
                f"{issuer} is not sent; it happens to be known to this computer",
                f"没有发送 {issuer}；只是本机恰好认识它",
            )
        )
    if trusted or probe.verify_error is None:
        return judge_order(probe.chain, path, issuer)
    return _issuer_missing(target.trust, path, issuer)


def _judge_by_openssl(probe: Probe) -> Finding:
    if probe.verify_error and probe.verify_error.verify_code in ISSUER_NOT_FOUND:
        return fail(Text("an issuer is neither sent nor trusted", "签发者既没有发送，也不受信任"))
    return skip(NO_CHAIN)


def judge_order(sent: Sequence[Certificate], path: Sequence[Certificate], root: str) -> Finding:
    if list(sent[: len(path)]) != list(path):
        return warn(
            Text(
                "the certificates are sent in the wrong order, which old phones refuse",
                "证书发送的顺序不对，旧手机会拒绝",
            )
        )
    return ok(
        Text(
            f"{len(sent)} certificates sent, signed by {root}",
            f"发送了 {len(sent)} 个证书，由 {root} 签发",
        )
    )


def _issuer_missing(trust: Trust, path: Sequence[Certificate], issuer: str) -> Finding:
    if len(path) == 1:
        return fail(
            Text(
                f"only the domain's certificate is sent; its issuer {issuer} is missing",
                f"只发送了域名证书，缺少签发它的中间证书 {issuer}",
            )
        )
    if trust.on_demand:
        return skip(
            Text(
                f"cannot judge: Windows downloads roots on demand and does not have {issuer} yet",
                f"无法判断：Windows 按需下载根证书，目前还没有 {issuer}",
            )
        )
    return fail(
        Text(
            f"{issuer} is neither sent nor a root of this computer",
            f"{issuer} 既没有发送，也不是本机认识的根证书",
        )
    )


@check(
    "certificate",
    "ssl",
    "tool_only",
    fix=Text(
        "use a certificate from a public authority (certbot, or the cloud's free one): phones"
        " trust no other, and WeChat offers no way around it",
        "改用公共机构签发的证书（certbot，或云厂商的免费证书）：手机不信任其他证书，微信也没有绕过的办法",
    ),
)
def self_signed(target: Target) -> Finding:
    """Whether an authority that phones trust signed the certificate."""
    probe = target.tls_probe()
    if probe is None:
        return skip(NOT_CONNECTED)
    code = probe.verify_error.verify_code if probe.verify_error else 0
    if (probe.leaf and probe.leaf.is_self_signed) or code == SELF_SIGNED_LEAF:
        return fail(Text("the certificate is self-signed", "证书是自签名的"))
    if code == SELF_SIGNED_IN_CHAIN:
        root = common_name(issuer_path(probe.chain)[-1].subject) if probe.chain else "?"
        return fail(Text(f"its authority {root} is private", f"签发机构 {root} 是私有的"))
    if probe.leaf is None and probe.verify_error is None:
        return skip(NO_CHAIN)
    return ok(Text("signed by an authority", "由证书机构签发"))
