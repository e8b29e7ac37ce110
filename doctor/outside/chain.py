"""The certificate chain, from the domain's certificate to a root."""

from __future__ import annotations

from collections.abc import Sequence

from doctor import needs
from doctor.certificates import Certificate, common_name, issuer_path
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.network import describe_error
from doctor.target import Probe, Target
from doctor.texts import Text
from doctor.trust import Trust

NO_ROOTS = Text(
    "no root certificates were found on this computer; name a file with --ca",
    "本机没有找到根证书；请用 --ca 指定文件",
)

# OpenSSL's verify codes
SELF_SIGNED_LEAF, SELF_SIGNED_IN_CHAIN = 18, 19
ISSUER_NOT_FOUND = (20, 21)
#: Codes with which OpenSSL has found the whole chain up to a root: trusted, or wrong by date alone.
CHAIN_FOUND = (0, 9, 10)


@check(
    "tool_only",
    "certificate",
    "ssl",
    fault=Text("the certificate chain is incomplete", "证书链不完整"),
    needs=(needs.tls_connection,),
    fix=Text(
        "let ssl_certificate name the full chain (certbot: fullchain.pem; a downloaded zip: its"
        " .pem, with the intermediate below the domain's certificate), then reload Nginx",
        "ssl_certificate 要指向完整证书链（certbot 用 fullchain.pem；下载的 zip 用其中的 .pem，"
        "域名证书之后要有中间证书），然后重新加载 Nginx",
    ),
)
def chain(target: Target) -> Finding:
    """Whether the intermediate is sent: Android does not fetch a missing one."""
    probe = needs.needed(target.tls_probe())
    if not probe.chain:
        return _judge_by_openssl(probe)
    if probe.chain[0].is_self_signed:
        return skip(Text("a self-signed certificate has no chain", "自签名证书没有证书链"))
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
    if trusted or probe.verify_code in CHAIN_FOUND:
        return judge_order(probe.chain, path, issuer)
    if probe.verify_code == -1:
        return skip(_not_verified(probe))
    return _issuer_missing(target.trust, path, issuer)


def _judge_by_openssl(probe: Probe) -> Finding:
    if probe.verify_code in ISSUER_NOT_FOUND:
        return fail(Text("an issuer is neither sent nor trusted", "签发者既没有发送，也不受信任"))
    return skip(needs.NO_CHAIN)


def _not_verified(probe: Probe) -> Text:
    reason = describe_error(probe.verify_error)
    return Text(f"the chain could not be verified: {reason.en}", f"无法验证证书链：{reason.zh}")


def judge_order(sent: Sequence[Certificate], path: Sequence[Certificate], root: str) -> Finding:
    if list(sent[: len(path)]) != list(path):
        return warn(
            Text(
                "the certificates are sent in the wrong order, which old phones refuse",
                "证书发送的顺序不对，旧手机会拒绝",
            ),
            fault=Text("the certificates are in the wrong order", "证书的顺序不对"),
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
                f"Windows downloads roots on demand and does not have {issuer} yet",
                f"Windows 按需下载根证书，目前还没有 {issuer}",
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
    fault=Text("no public authority signed the certificate", "证书不是公共机构签发的"),
    needs=(needs.tls_connection,),
    fix=Text(
        "use a certificate from a public authority (certbot, or the cloud's free one): phones"
        " trust no other, and WeChat offers no way around it",
        "改用公共机构签发的证书（certbot，或云厂商的免费证书）：手机不信任其他证书，微信也没有绕过的办法",
    ),
)
def self_signed(target: Target) -> Finding:
    """Whether an authority that phones trust signed the certificate."""
    probe = needs.needed(target.tls_probe())
    code = probe.verify_code
    if (probe.leaf and probe.leaf.is_self_signed) or code == SELF_SIGNED_LEAF:
        return fail(Text("the certificate is self-signed", "证书是自签名的"))
    if code == SELF_SIGNED_IN_CHAIN:
        root = common_name(issuer_path(probe.chain)[-1].subject) if probe.chain else "?"
        return fail(Text(f"its authority {root} is private", f"签发机构 {root} 是私有的"))
    if code in CHAIN_FOUND and target.trust.has_roots:
        return ok(Text("signed by a trusted authority", "由受信任的证书机构签发"))
    if code in ISSUER_NOT_FOUND or not target.trust.has_roots:
        return skip(
            Text("who signed it cannot be followed up to a root", "无法沿签发者追溯到根证书")
        )
    return skip(_not_verified(probe))
