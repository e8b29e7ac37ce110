"""The certificate on this server's disk."""

from __future__ import annotations

import re
from pathlib import Path

from doctor import needs
from doctor.certificates import read_certificate
from doctor.checks import Finding, check, fail, ok, skip
from doctor.target import Target
from doctor.texts import Text, printable
from doctor.this_server import Server


@check(
    "certificate_date",
    "certificate",
    fault=Text("the served certificate is not the one on disk", "正在使用的证书不是磁盘上的那个"),
    needs=(needs.url, needs.certificates),
    fix=Text(
        "Nginx still uses the old certificate, or another file: run `nginx -t && systemctl reload"
        " nginx`, and let certbot do so after each renewal (--deploy-hook)",
        "Nginx 仍在使用旧证书，或用的是别的文件：执行 `nginx -t && systemctl reload nginx`，"
        "并让 certbot 每次续期后自动执行（--deploy-hook）",
    ),
)
def certificate_served(target: Target) -> Finding:
    """Whether the certificate that is served is the one on disk."""
    leaf = needs.needed(needs.needed(target.tls_probe()).leaf)
    try:
        file = _find_file(target.this_server, target.url.host)
        on_disk = None if file is None else read_certificate(file)
    except (OSError, ValueError) as error:
        reason = printable(str(error), 100)
        return skip(Text(f"cannot judge: {reason}", f"无法判断：{reason}"))
    if on_disk is None:
        return skip(Text("no certificate for this name on this disk", "本机磁盘上没有该域名的证书"))
    if on_disk.fingerprint == leaf.fingerprint:
        return ok(Text(f"the same as in {file}", f"与 {file} 一致"))
    served, stored = leaf.last_day, on_disk.last_day
    return fail(
        Text(
            f"the served certificate is valid until {served};"
            f" the one in {file}, until {stored}, is another",
            f"正在使用的到 {served}；{file} 中的到 {stored}，不是同一个",
        )
    )


def _find_file(server: Server, host: str) -> Path | None:
    """Take the file that was named, certbot's, or the one in Nginx's configuration."""
    if server.certificate is not None:
        return server.certificate
    of_certbot = server.letsencrypt / "live" / host / "fullchain.pem"
    return of_certbot if of_certbot.exists() else _find_in_nginx(server.nginx, host)


def _find_in_nginx(folder: Path, host: str) -> Path | None:
    server_name = re.compile(rf"server_name\s[^;]*(?<![\w.-]){re.escape(host)}(?![\w.-])")
    certificate = re.compile(r"^\s*ssl_certificate\s+\"?([^;\"]+)\"?;", re.MULTILINE)
    for name in ("sites-enabled", "conf.d"):
        for config in sorted((folder / name).glob("*")):
            text = config.read_text(errors="replace") if config.is_file() else ""
            found = certificate.search(text)
            if found and server_name.search(text):
                return Path(found[1].strip())
    return None
