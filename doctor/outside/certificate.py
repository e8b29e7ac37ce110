"""The domain's certificate: its name and its dates."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from doctor import needs
from doctor.certificates import Certificate, common_name, issuer_path
from doctor.checks import Finding, check, fail, ok
from doctor.target import Target
from doctor.texts import Text

DAY = 86400.0


@check(
    "certificate_name",
    "certificate",
    "ssl",
    fault=Text("the certificate is for another name", "证书属于另一个域名"),
    needs=(needs.certificates,),
    fix=Text(
        "get a certificate for exactly this name, and set Nginx's server_name to it: otherwise the"
        " default server's certificate is sent",
        "申请与该域名完全一致的证书，并确认 Nginx 的 server_name 是这个域名，"
        "否则发送的是默认站点的证书",
    ),
)
def name(target: Target) -> Finding:
    """Whether the certificate is for this name."""
    leaf = needs.needed(needs.needed(target.tls_probe()).leaf)
    names, host = leaf.listed_names, target.url.host
    if leaf.is_valid_for(host):
        return ok(Text(f"for {names}", f"属于 {names}"))
    return fail(Text(f"for {names}, not for {host}", f"属于 {names}，而不是 {host}"))


@check(
    "certificate_date",
    "certificate",
    "ssl",
    fault=Text("the certificate has expired, or will soon", "证书已过期或即将过期"),
    needs=(needs.certificates,),
    follows=("certificate_served",),
    fix=Text(
        "renew it (`certbot renew`, or upload the new one), reload Nginx, and find out why it was"
        " not renewed automatically (the check renewal, on the server)",
        "更新证书（`certbot renew` 或上传新证书），重新加载 Nginx，并查明为什么没有自动续期"
        "（在服务器上看 renewal 检查项）",
    ),
)
def dates(target: Target) -> Finding:
    """Whether the certificates are valid today and for a while, by this computer's clock."""
    chain = needs.needed(needs.needed(target.tls_probe()).chain)
    now = time.time()
    for certificate in issuer_path(chain):
        finding = _out_of_date(certificate, now)
        if finding:
            return finding
    leaf = chain[0]
    days = f"{(leaf.not_after - now) / DAY:.1f}"
    evidence = Text(
        f"{days} days left, until {leaf.last_day}", f"还剩 {days} 天，到 {leaf.last_day}"
    )
    soon = Text("the certificate expires soon", "证书即将过期")
    return Finding(_urgency(leaf, now), evidence, fault=soon)


def _out_of_date(certificate: Certificate, now: float) -> Finding | None:
    subject, day = common_name(certificate.subject), certificate.last_day
    if now > certificate.not_after:
        return fail(
            Text(
                f"the certificate of {subject} expired on {day}", f"{subject} 的证书已于 {day} 过期"
            ),
            fault=Text("the certificate has expired", "证书已过期"),
        )
    if now < certificate.not_before:
        first = f"{datetime.fromtimestamp(certificate.not_before, timezone.utc):%Y-%m-%d}"
        return fail(
            Text(
                f"the certificate of {subject} is not valid before {first}",
                f"{subject} 的证书 {first} 才生效",
            ),
            fault=Text("the certificate is not yet valid", "证书尚未生效"),
        )
    return None


def _urgency(certificate: Certificate, now: float) -> str:
    """Renewal is due when a third of the lifetime is left; at a quarter it has failed."""
    lifetime = certificate.not_after - certificate.not_before
    left = certificate.not_after - now
    if left < min(lifetime / 20, 3 * DAY):
        return "fail"
    return "warn" if left < min(lifetime / 4, 30 * DAY) else "ok"
