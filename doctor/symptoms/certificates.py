"""TLS and certificates: the connection was made, the handshake failed.

Numbers of three digits are those of Chromium's network stack (Android, the developer tool:
net/base/net_error_list.h), of four those of Apple's (NSURLError, and from -9800 SecureTransport).
"""

from __future__ import annotations

from doctor.symptoms.symptom import Symptom, numbers
from doctor.texts import Text

CERTIFICATES: dict[str, Symptom] = {
    "certificate_name": Symptom(
        Text(
            "net::ERR_CERT_COMMON_NAME_INVALID (-200) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_COMMON_NAME_INVALID（-200）：证书与域名不符",
        ),
        Text(
            "The certificate is for another name: Nginx sends the one of its default site, or DNS"
            " leads to another server.",
            "证书属于另一个域名：Nginx 发送了默认站点的证书，或 DNS 指向了另一台服务器。",
        ),
        numbers(-200, -159, -9843)
        + r"|COMMON_NAME|证书.{0,4}域名|域名.{0,4}证书.{0,4}(不符|不匹配|不一致)",
        checks=("name", "ipv6", "dns"),
    ),
    "certificate_date": Symptom(
        Text(
            "net::ERR_CERT_DATE_INVALID (-201) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_DATE_INVALID（-201）：证书不在有效期内",
        ),
        Text(
            "The certificate has expired or is not yet valid, or the phone's clock is wrong. Renew"
            " it, and reload Nginx.",
            "证书已过期或尚未生效，或手机时间不准。续期证书并重新加载 Nginx。",
        ),
        numbers(-201, -1201, -1204, -9814, -9815)
        + r"|CERT_DATE|certificate.{0,20}expired|证书.{0,8}过期",
        r"expired|not yet valid|过期|有效期|生效",
        ("dates", "certificate_served", "renewal"),
    ),
    "certificate": Symptom(
        Text(
            "net::ERR_CERT_AUTHORITY_INVALID (-202) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_AUTHORITY_INVALID（-202）：证书不受信任",
        ),
        Text(
            "The phone does not trust the certificate: most often the intermediate certificate is"
            " not sent (the developer tool and iOS may still work), or it is self-signed.",
            "手机不信任这个证书：最常见的是没有发送中间证书（开发者工具和 iOS 可能仍然正常），"
            "或者是自签名证书。",
        ),
        numbers(*range(-208, -201), *range(-215, -209), -217, -149, -150, -156, -167, -181)
        + "|"
        + numbers(-1202, -1203, -9807, -9808, -9812, -9813)
        + r"|AUTHORITY_INVALID|ERR_CERT_(INVALID|REVOKED)|trust anchor|self.?signed|自签"
        + r"|verify the first certificate|certificate for this server is invalid"
        + r"|证书(已|是)?(无效|不受信|不可信)|证书链",
        r"certificate|证书",
        ("chain", "self_signed", "name"),
    ),
    "tls_version": Symptom(
        Text(
            "net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH (-113) in errno 600001",
            "errno 600001 中的 net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH（-113）：TLS 版本不符",
        ),
        Text(
            "Phone and server share no TLS version or cipher. WeChat wants TLS 1.2 or newer.",
            "手机和服务器没有共同的 TLS 版本或加密套件。微信要求 TLS 1.2 及以上。",
        ),
        numbers(-113, -112, -172, -218, -9801, -9836, -9837)
        + r"|VERSION_OR_CIPHER|(?:tls|ssl)[ 的]{0,3}(version|版本)",
        checks=("tls_versions", "tls"),
    ),
    "client_certificate": Symptom(
        Text(
            "net::ERR_SSL_CLIENT_AUTH_CERT_NEEDED (-110) in errno 600001",
            "errno 600001 中的 net::ERR_SSL_CLIENT_AUTH_CERT_NEEDED（-110）：服务器要求客户端证书",
        ),
        Text(
            "The server asks the phone for a certificate of its own, and no phone has one. Take"
            " ssl_verify_client out of Nginx's configuration (or the mutual TLS of the load"
            " balancer or CDN in front of it), and reload it.",
            "服务器要求手机出示客户端证书，而手机没有。从 Nginx 配置中去掉 ssl_verify_client"
            "（或关闭前面的负载均衡、CDN 的双向认证），再重新加载。",
        ),
        numbers(-110, -117, -134, -135, -141, -151, -164, -177, -1205, -1206)
        + "|"
        + numbers(*range(-9829, -9824))
        + r"|SSL_CLIENT_AUTH|client certificate|客户端证书",
        checks=("tls",),
    ),
    "cleartext": Symptom(
        Text(
            "net::ERR_CLEARTEXT_NOT_PERMITTED (-29) in errno 600001",
            "errno 600001 中的 net::ERR_CLEARTEXT_NOT_PERMITTED（-29）：不允许 http 明文请求",
        ),
        Text(
            "The mini program calls http://, and the phone allows only https://. Set baseUrl to"
            " https://NAME; is the answer a redirect to http://, mend that.",
            "小程序请求的是 http://，而手机只允许 https://。把 baseUrl 设为 https://域名；"
            "如果是响应跳转到 http://，请去掉跳转。",
        ),
        numbers(-29, -1022) + r"|CLEARTEXT_NOT_PERMITTED|App Transport Security",
        checks=("url", "redirect"),
    ),
    "ssl": Symptom(
        Text(
            "ssl hand shake error (-107) in errno 600001",
            "errno 600001 中的 ssl hand shake error（-107）：TLS 握手失败",
        ),
        Text(
            "The TLS handshake failed. On Android an incomplete or untrusted certificate chain is"
            " the usual cause; otherwise TLS itself is not set up.",
            "TLS 握手失败。安卓上通常是证书链不完整或证书不受信任；否则是 TLS 没有配置好。",
        ),
        numbers(-107, -114, -116, -122, -123, -125, -126, -148, -153, *range(-180, -177))
        + "|"
        + numbers(-182, -183, -184, -1200, -9800, -9802, -9805, -9806, -9824)
        + r"|hand ?shake|握手|SSL_PROTOCOL|ssl error|ssl ?错误|安全连接",
        r"(?<![A-Za-z])(ssl|tls)(?![A-Za-z])",
        ("chain", "self_signed", "tls"),
    ),
}
