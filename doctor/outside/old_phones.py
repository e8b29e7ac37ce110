"""Roots that phones without updates know, or do not."""

from __future__ import annotations

from doctor import needs
from doctor.certificates import common_name, issuer_path
from doctor.checks import Finding, check, ok, skip, warn
from doctor.target import Target
from doctor.texts import Text

# By common name. A root in none of these tables is not judged.
OLD_ROOTS = {
    "Baltimore CyberTrust Root",
    "Certum Trusted Network CA",
    "DigiCert Global Root CA",
    "DigiCert Global Root G2",
    "DigiCert High Assurance EV Root CA",
    "GlobalSign",
    "GlobalSign Root CA",
    "Go Daddy Root Certificate Authority - G2",
    "Starfield Root Certificate Authority - G2",
    "Starfield Services Root Certificate Authority - G2",
    "USERTrust ECC Certification Authority",
    "USERTrust RSA Certification Authority",
}
ROOTS_SINCE = {
    "ISRG Root X1": "Android 7.1.1, iOS 10",
}
NEW_ROOTS = {
    "ISRG Root X2",
    "ISRG Root YE",
    "ISRG Root YR",
    "DigiCert TLS ECC P384 Root G5",
    "DigiCert TLS RSA4096 Root G5",
    "Sectigo Public Server Authentication Root E46",
    "Sectigo Public Server Authentication Root R46",
}


@check(
    "tool_only",
    "certificate",
    fault=Text("old phones do not know the certificate's root", "旧手机不认识证书的根"),
    needs=(needs.certificates,),
    fix=Text(
        "send the long chain, up to an older root: certbot with --preferred-chain 'ISRG Root X1',"
        " other authorities with the chain that has the cross-signed intermediate",
        "发送能追溯到较老根证书的长链：certbot 用 --preferred-chain 'ISRG Root X1'，"
        "其他机构选用带交叉签名中间证书的链",
    ),
)
def old_phones(target: Target) -> Finding:
    """Whether phones that get no updates know the root."""
    chain = needs.needed(needs.needed(target.tls_probe()).chain)
    root = common_name(issuer_path(chain)[-1].issuer)
    if root in NEW_ROOTS:
        return warn(
            Text(f"phones a few years old do not know {root}", f"几年前的手机不认识 {root}")
        )
    if root in ROOTS_SINCE:
        since = ROOTS_SINCE[root]
        return ok(Text(f"{root} is known since {since}", f"{root} 从 {since} 起受信任"))
    if root in OLD_ROOTS:
        return ok(Text(f"old phones know {root} too", f"旧手机也认识 {root}"))
    return skip(
        Text(f"it is not known whether old phones know {root}", f"不清楚旧手机是否认识 {root}")
    )
