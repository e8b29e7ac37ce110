"""The certificate: from an authority through certbot, or the user's own files as they come."""

from __future__ import annotations

import re
import ssl
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from deploy.lib import paths
from deploy.lib.machine import Machine, RefusedError, ask

BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
HOOK = """\
#!/bin/sh
# After a renewal: Nginx takes the new certificate, unless its files would not work.
nginx -t -q && systemctl reload nginx
"""
UNREACHED = (
    "The authority asks this server over port 80: the name has to lead here, and the cloud's own"
    " firewall has to let TCP 80 in · 证书机构要从公网访问本机 80 端口：请确认解析与云防火墙"
)


def from_authority(machine: Machine, domain: str, email: str, server: str | None) -> None:
    """Have a certificate of certbot's, ECDSA.

    It is rehearsed first: the authority counts failures, and its staging server does not.
    """
    machine.folder(paths.HOOK.parent)
    machine.write(paths.HOOK, HOOK, mode=0o755)
    if (paths.LIVE / domain / "fullchain.pem").exists():
        return
    command = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--email", email]
    command += ["--webroot", "--webroot-path", str(paths.WEBROOT), "--key-type", "ecdsa"]
    command += ["--cert-name", domain, "--domain", domain]
    command += ["--server", server] if server else []
    try:
        machine.run("rehearse with the authority", *command, "--dry-run")
    except RefusedError as refusal:
        raise RefusedError(f"{refusal}\n{UNREACHED}") from None
    machine.run(f"get a certificate for {domain}", *command)


def problems(domain: str, cert: Path, key: Path | None) -> Iterator[str]:
    """Say what is wrong with the user's own files."""
    try:
        chain, secret = read(cert, key)
    except RefusedError as refusal:
        yield str(refusal)
    except OSError as error:
        yield f"{error.filename}: {error.strerror} · 无法读取文件"
    else:
        if problem := wrong_with(chain, secret, domain):
            yield problem


def from_files(machine: Machine, cert: Path, key: Path | None) -> bool:
    """Put the user's files (PEM, or a zip with both) into place; tells whether they changed."""
    chain, secret = read(cert, key)
    machine.folder(paths.TLS, mode=0o700)
    private = machine.install(paths.TLS / "key.pem", secret, mode=0o600, owner="root:root")
    public = machine.install(paths.TLS / "fullchain.pem", chain, mode=0o644, owner="root:root")
    return private or public


def read(cert: Path, key: Path | None) -> tuple[bytes, bytes]:
    """Return (chain, key) from two PEM files or from one zip as the cloud's console gives it."""
    if not zipfile.is_zipfile(cert):
        return cert.read_bytes(), (key or cert).read_bytes()
    with zipfile.ZipFile(cert) as archive:
        texts = [archive.read(name) for name in archive.namelist() if not name.endswith("/")]
    chains = [text for text in texts if b"BEGIN CERTIFICATE" in text]
    keys = [text for text in texts if b"PRIVATE KEY" in text]
    if not chains or not (keys or key):
        raise RefusedError(
            f"{cert}: there is no certificate with its key in it · 压缩包内缺少证书或私钥"
        )
    return max(chains, key=len), key.read_bytes() if key else keys[0]


def wrong_with(chain: bytes, key: bytes, domain: str) -> str | None:
    """Say what a browser or a phone would not accept, in words; None where all is well."""
    blocks = BLOCK.findall(chain)
    if not blocks:
        return "the certificate file has no PEM certificate in it · 证书文件不是 PEM 格式"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, block in enumerate(blocks):
            (folder / f"{i}.pem").write_bytes(block + b"\n")
        (folder / "chain.pem").write_bytes(b"\n".join(blocks) + b"\n")
        (folder / "rest.pem").write_bytes(b"\n".join(blocks[1:]) + b"\n")
        (folder / "key.pem").touch(mode=0o600)
        (folder / "key.pem").write_bytes(key)
        return _key(folder) or _dates(folder) or _name(folder, domain) or _chain(folder, blocks)


def _key(folder: Path) -> str | None:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem", password="")
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in str(error) or "KEY_TYPE_MISMATCH" in str(error):
            return (
                "the key does not belong to the certificate (the server's own has to come first)"
                " · 私钥与证书不匹配"
            )
        return f"the certificate or its key cannot be read: {error.reason} · 证书或私钥无法读取"
    return None


def _dates(folder: Path) -> str | None:
    leaf = str(folder / "0.pem")
    if ask("openssl", "x509", "-in", leaf, "-noout", "-checkend", "0").returncode:
        end = ask("openssl", "x509", "-in", leaf, "-noout", "-enddate").stdout.strip()
        return f"the certificate has expired ({end.partition('=')[2]}) · 证书已过期"
    return None


def _name(folder: Path, domain: str) -> str | None:
    said = ask("openssl", "x509", "-in", str(folder / "0.pem"), "-noout", "-checkhost", domain)
    if "does match" in said.stdout:
        return None
    return f"the certificate is not for {domain} · 证书与域名 {domain} 不符"


def _chain(folder: Path, blocks: list[bytes]) -> str | None:
    def part(i: int, what: str) -> str:
        said = ask("openssl", "x509", "-in", str(folder / f"{i}.pem"), "-noout", f"-{what}")
        return said.stdout.partition("=")[2].strip()

    if part(0, "issuer") == part(0, "subject"):
        return "the certificate is self-signed: WeChat refuses it · 自签名证书，微信不接受"
    for i in range(len(blocks) - 1):
        if part(i, "issuer") != part(i + 1, "subject"):
            return (
                f"certificate {i + 1} of the chain is not followed by its issuer · 证书链顺序错误"
            )
    untrusted = ["-untrusted", str(folder / "rest.pem")] if len(blocks) > 1 else []
    said = ask("openssl", "verify", *untrusted, str(folder / "0.pem"))
    if "unable to get local issuer" in said.stderr + said.stdout:
        return (
            "the chain is incomplete, so Android phones refuse it: use the file for Nginx, with the"
            f" intermediate of {part(len(blocks) - 1, 'issuer')} · 证书链不完整，安卓手机会拒绝"
        )
    if said.returncode and "not yet valid" in said.stderr + said.stdout:
        return "the certificate is not valid yet; is the clock right? · 证书尚未生效"
    return None
