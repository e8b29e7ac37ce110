"""The TLS certificate: requested with certbot, or the operator's own files."""

from __future__ import annotations

import re
import ssl
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from deploy.lib import paths
from deploy.lib.language import said
from deploy.lib.machine import DeployError, Machine, capture
from deploy.lib.state import read_state, record

BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY_BLOCK = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
)
HOOK = """\
#!/bin/sh
# After a renewal: load the new certificate, unless the Nginx configuration is invalid.
nginx -t -q && systemctl reload nginx
"""


def request(machine: Machine, domain: str, email: str, server: str | None) -> None:
    """Request an ECDSA certificate with certbot, unless there is one.

    A dry run comes first: the authority limits failed requests, its staging server does not.
    """
    machine.ensure_folder(paths.HOOK.parent)
    machine.write(paths.HOOK, HOOK, mode=0o755)
    ours = domain in read_state().get("certificates", [])
    if (paths.LIVE / domain / "fullchain.pem").exists() and (_is_renewed(domain) or not ours):
        return
    command = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--email", email]
    command += ["--webroot", "--webroot-path", str(paths.WEBROOT), "--key-type", "ecdsa"]
    command += ["--cert-name", domain, "--domain", domain]
    command += ["--server", server] if server else []
    try:
        machine.run(
            said("try the certificate request on the staging server", "在测试服务器上试申请证书"),
            *command,
            "--dry-run",
        )
    except DeployError as error:
        hint = said(
            "The certificate authority connects to this server on port 80: DNS must point here,"
            " and the cloud provider's firewall must allow TCP 80",
            "证书机构要从公网访问本机 80 端口：请确认域名解析到本机，并在云防火墙放行 TCP 80",
        )
        raise DeployError(f"{error}\n{hint}") from None
    # Known before it is made: one that was there before stays at `uninstall --purge`.
    record(machine, certificates=sorted({*read_state().get("certificates", []), domain}))
    if ours:
        _remove_remains(machine, domain)
    machine.run(said(f"request a certificate for {domain}", f"为 {domain} 申请证书"), *command)


def _is_renewed(domain: str) -> bool:
    """Whether certbot knows how to renew it: that is what it writes last."""
    file = paths.RENEWAL / f"{domain}.conf"
    return file.exists() and "[renewalparams]" in file.read_text("utf-8")


def _remove_remains(machine: Machine, domain: str) -> None:
    """Remove what a certbot that was killed has left, with which it refuses the name."""
    for path in (paths.RENEWAL / f"{domain}.conf", paths.LIVE / domain, paths.ARCHIVE / domain):
        machine.remove(path)


def delete_own(machine: Machine) -> None:
    """Delete the certificates that `request` requested, and name one of which it is not known.

    An installation of a former release recorded none: they are its own if certbot is.
    """
    state = read_state()
    other = str(state.get("domain", ""))
    former = [other] if other and "certbot" in state.get("packages", []) else []
    ours = state.get("certificates", former)
    for name in ours:
        if (paths.LIVE / name).exists() and machine.announce(
            said(f"delete the certificate of {name}", f"删除 {name} 的证书")
        ):
            capture("certbot", "delete", "--non-interactive", "--cert-name", str(name))
            _remove_remains(machine, name)
    if other and other not in ours and (paths.LIVE / other).exists():
        kept = said(
            f"kept: the certificate of {other}, which may be older than this installation:",
            f"已保留：{other} 的证书，它可能早于本次安装：",
        )
        print(f"{kept} certbot delete --cert-name {other}")  # noqa: T201


def problems(domain: str, cert: Path, key: Path | None) -> Iterator[str]:
    """Yield what is wrong with the operator's own files."""
    try:
        chain, private_key = read_files(cert, key)
    except DeployError as error:
        yield str(error)
    except OSError as error:
        yield f"{error.filename}: {error.strerror}"
    else:
        if problem := find_problem(chain, private_key, domain):
            yield problem


def install_own(machine: Machine, cert: Path, key: Path | None) -> None:
    """Install the operator's own certificate and key (PEM files, or a zip with both)."""
    chain, private_key = read_files(cert, key)
    machine.ensure_folder(paths.TLS, mode=0o700)
    machine.write_bytes(paths.TLS / "key.pem", private_key, mode=0o600, owner="root:root")
    machine.write_bytes(paths.TLS / "fullchain.pem", chain, mode=0o644, owner="root:root")


def read_files(cert: Path, key: Path | None) -> tuple[bytes, bytes]:
    """Return (chain, key) from PEM files, or from a zip as cloud consoles offer for download."""
    if not zipfile.is_zipfile(cert):
        return _certificates(cert.read_bytes()), _key((key or cert).read_bytes())
    with zipfile.ZipFile(cert) as archive:
        texts = [archive.read(name) for name in archive.namelist() if not name.endswith("/")]
    chains = [text for text in texts if b"BEGIN CERTIFICATE" in text]
    keys = [text for text in texts if b"PRIVATE KEY" in text]
    if not chains or not (keys or key):
        raise DeployError(
            said(
                f"{cert}: the zip must contain a certificate and its key",
                f"{cert}：压缩包里必须有证书和它的私钥",
            )
        )
    return _certificates(max(chains, key=len)), _key(key.read_bytes() if key else keys[0])


def _certificates(pem: bytes) -> bytes:
    """Return the certificates alone: a combined file has the key too, which others must not see."""
    return b"".join(block + b"\n" for block in BLOCK.findall(pem))


def _key(pem: bytes) -> bytes:
    """Return the private key alone, or all of the text if none is found."""
    blocks = KEY_BLOCK.findall(pem)
    return b"".join(block + b"\n" for block in blocks) or pem


def find_problem(chain: bytes, key: bytes, domain: str) -> str | None:
    """Return why browsers or phones would reject the certificate, or None if they accept it."""
    blocks = BLOCK.findall(chain)
    if not blocks:
        return said(
            "the certificate file contains no PEM certificate", "证书文件里没有 PEM 格式的证书"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, block in enumerate(blocks):
            (folder / f"{i}.pem").write_bytes(block + b"\n")
        (folder / "chain.pem").write_bytes(b"\n".join(blocks) + b"\n")
        (folder / "rest.pem").write_bytes(b"\n".join(blocks[1:]) + b"\n")
        (folder / "key.pem").touch(mode=0o600)
        (folder / "key.pem").write_bytes(key)
        return (
            _key_problem(folder)
            or _date_problem(folder)
            or _name_problem(folder, domain)
            or _chain_problem(folder, blocks)
        )


def _key_problem(folder: Path) -> str | None:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem", password="")
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in str(error) or "KEY_TYPE_MISMATCH" in str(error):
            return said(
                "the private key does not match the certificate (the server's own must come first)",
                "私钥与证书不匹配（服务器自己的证书必须排在第一）",
            )
        return said(
            f"the certificate or its key cannot be read: {error.reason}",
            f"证书或私钥无法读取：{error.reason}",
        )
    return None


def _date_problem(folder: Path) -> str | None:
    leaf = str(folder / "0.pem")
    if capture("openssl", "x509", "-in", leaf, "-noout", "-checkend", "0").returncode:
        shown = capture("openssl", "x509", "-in", leaf, "-noout", "-enddate").stdout.strip()
        end = shown.partition("=")[2]
        return said(f"the certificate has expired ({end})", f"证书已过期（{end}）")
    return None


def _name_problem(folder: Path, domain: str) -> str | None:
    leaf = str(folder / "0.pem")
    checked = capture("openssl", "x509", "-in", leaf, "-noout", "-checkhost", domain)
    if "does match" in checked.stdout:
        return None
    return said(f"the certificate is not for {domain}", f"证书与域名 {domain} 不符")


def _chain_problem(folder: Path, blocks: list[bytes]) -> str | None:
    def field(i: int, name: str) -> str:
        printed = capture("openssl", "x509", "-in", str(folder / f"{i}.pem"), "-noout", f"-{name}")
        return printed.stdout.partition("=")[2].strip()

    if field(0, "issuer") == field(0, "subject"):
        return said(
            "the certificate is self-signed; WeChat rejects it", "证书是自签名的，微信不接受"
        )
    for i in range(len(blocks) - 1):
        if field(i, "issuer") != field(i + 1, "subject"):
            return said(
                f"certificate {i + 1} of the chain is not followed by its issuer",
                f"证书链顺序错误：第 {i + 1} 张证书之后不是它的签发者",
            )
    untrusted = ["-untrusted", str(folder / "rest.pem")] if len(blocks) > 1 else []
    verified = capture("openssl", "verify", *untrusted, str(folder / "0.pem"))
    output = verified.stderr + verified.stdout
    if "unable to get local issuer" in output:
        issuer = field(len(blocks) - 1, "issuer")
        return said(
            "the chain is incomplete, so Android phones reject it: use the file for Nginx, which"
            f" includes the intermediate of {issuer}",
            f"证书链不完整，安卓手机会拒绝：请用 Nginx 格式的文件，其中包含中间证书 {issuer}",
        )
    if verified.returncode and "not yet valid" in output:
        return said(
            "the certificate is not valid yet; check the clock of this server",
            "证书尚未生效：请检查本机的时间",
        )
    return None
