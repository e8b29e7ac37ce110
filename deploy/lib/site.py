"""The Nginx site on this server. A file that Nginx rejects is never left in place."""

from __future__ import annotations

import hashlib
from pathlib import Path

from deploy.lib import nginx, paths
from deploy.lib.machine import DeployError, Machine, capture
from deploy.lib.state import read_state, record


def config_file() -> Path:
    """Return the path of the Nginx file.

    `zz-` makes Nginx read it last: another site may be the implicit default server, which is the
    first one Nginx reads.
    """
    main = Path("/etc/nginx/nginx.conf")
    enabled = main.exists() and "sites-enabled" in main.read_text("utf-8")
    folder = "sites-enabled" if enabled or not main.exists() else "conf.d"
    return Path("/etc/nginx") / folder / "zz-myapi.conf"


def config_text(domain: str, certificate: Path | None, trusted_proxies: list[str]) -> str:
    """Render the Nginx file for this server; without a certificate, for port 80 only."""
    version = nginx.version(capture("nginx", "-v").stderr)
    dump = capture("nginx", "-T").stdout
    taken_ports = {listen.port for listen in nginx.other_listens(dump, str(config_file()))}
    has_ipv6 = Path("/proc/net/if_inet6").exists()
    return nginx.render(
        nginx.Site(
            domain=domain,
            version=version,
            certificate=str(certificate / "fullchain.pem") if certificate else "",
            key=str(certificate / _key_name(certificate)) if certificate else "",
            http=("80", "[::]:80") if has_ipv6 else ("80",),
            https=("443", "[::]:443") if has_ipv6 else ("443",),
            default_http=80 not in taken_ports,
            default_https=443 not in taken_ports,
            http2=443 not in taken_ports or nginx.others_use_http2(dump, str(config_file())),
            trusted_proxies=tuple(trusted_proxies),
        )
    )


def install(machine: Machine, text: str, certificate: str = "") -> None:
    """Install the Nginx file and reload Nginx; if Nginx rejects it, restore the previous file.

    A digest of the loaded configuration is recorded, so that an interrupted run reloads next time.
    """
    target = config_file()
    previous = target.read_text("utf-8") if target.exists() else None
    if previous != text:
        record(machine, nginx="")
    if machine.write(target, text):
        tested = capture("nginx", "-t")
        if tested.returncode:
            if previous is None:
                target.unlink()
            else:
                target.write_text(previous, "utf-8")
            raise DeployError(
                "Nginx rejected the new configuration; the previous one is back"
                f" · Nginx 配置未通过检查，已恢复原配置:\n{tested.stderr.strip()}"
            )
    digest = hashlib.sha256((text + certificate).encode()).hexdigest()
    if read_state().get("nginx") != digest:
        reload_nginx(machine)
        record(machine, nginx=digest)


def reload_nginx(machine: Machine) -> None:
    """Load the configuration and certificates without dropping a request; start Nginx if down."""
    verb = "reload" if capture("systemctl", "is-active", "nginx").returncode == 0 else "start"
    machine.run(f"{verb} Nginx", "systemctl", verb, "nginx")


def ensure_placeholder_certificate(machine: Machine) -> None:
    """Create a self-signed certificate for TLS handshakes with other names.

    Only for Nginx before 1.19.4, which has no `ssl_reject_handshake`.
    """
    target = paths.TLS / "nobody.pem"
    told = capture("nginx", "-v")
    if machine.dry_run and told.returncode:
        return  # Nginx is not installed yet
    if target.exists() or nginx.version(told.stderr) >= (1, 19, 4):
        return
    machine.ensure_folder(paths.TLS, mode=0o700)
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    name = ("-nodes", "-days", "36500", "-subj", "/CN=nobody")
    draft = target.with_suffix(".new")
    out = ("-keyout", str(draft), "-out", str(draft))
    machine.run("create a placeholder certificate", *new, *name, *out)
    if not machine.dry_run:
        draft.replace(target)


def _key_name(folder: Path) -> str:
    return "privkey.pem" if (folder / "privkey.pem").exists() else "key.pem"
