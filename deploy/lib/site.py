"""The Nginx site on this server. A file that Nginx rejects is never left in place."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.lib import limits, nginx, paths
from deploy.lib.language import said
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


@dataclass(frozen=True)
class LiveSite:
    """The site that phones call: what `up` was told about it."""

    domain: str
    certificate: Path  # the folder with fullchain.pem and the key
    behind: tuple[str, ...] = ()  # the networks of load balancers

    @property
    def has_own_certificate(self) -> bool:
        """Whether it is the operator's own, and not one from certbot."""
        return self.certificate == paths.TLS

    @property
    def has_certificate(self) -> bool:
        """Whether it is still there: an uninstall keeps the record, but not all certificates."""
        return (self.certificate / "fullchain.pem").exists()


def live_site() -> LiveSite | None:
    """Return what was recorded; after a release that recorded nothing, what its files say.

    None if there is no HTTPS site yet.
    """
    if told := read_state().get("site"):
        return LiveSite(told["domain"], Path(told["certificate"]), tuple(told["behind"]))
    text = config_file().read_text("utf-8") if config_file().exists() else ""
    domain = re.search(r"^ *server_name ([^_;\s]+);", text, re.M)
    certificate = re.search(r"^ *ssl_certificate (\S+)/fullchain\.pem;", text, re.M)
    if not (domain and certificate):
        return None
    behind = dict.fromkeys(re.findall(r"^ *set_real_ip_from (\S+);", text, re.M))
    return LiveSite(domain[1], Path(certificate[1]), tuple(behind))


def install_live(machine: Machine, site: LiveSite, templates: Path = nginx.TEMPLATES) -> None:
    """Install the Nginx file of the HTTPS site, and record what it was made from."""
    # Certbot's renewal hook reloads Nginx; nothing does so for the operator's own files.
    own = (site.certificate / "fullchain.pem").read_text() if site.has_own_certificate else ""
    install(machine, config_text(site, templates), own)
    facts = {"certificate": str(site.certificate), "behind": list(site.behind)}
    record(machine, site={"domain": site.domain, **facts})


def install_for_challenges(machine: Machine, domain: str, behind: list[str]) -> None:
    """Let the certificate authority reach this server as `domain`. An HTTPS site stays as it is."""
    live = live_site()
    if live is None or not live.has_certificate:
        install(machine, nginx.render(_values(domain, None, tuple(behind))))
    elif live.domain == domain:
        install(machine, config_text(live))
    else:
        one_more = replace(_values(live.domain, live.certificate, live.behind), domain=domain)
        install(machine, config_text(live) + nginx.render_challenges(one_more))


def config_text(site: LiveSite, templates: Path = nginx.TEMPLATES) -> str:
    """Render the Nginx file for this server."""
    return nginx.render(_values(site.domain, site.certificate, site.behind), templates)


def install(machine: Machine, text: str, certificate: str = "") -> None:
    """Install the Nginx file and reload Nginx; if Nginx rejects it, restore the previous file.

    A digest of the loaded configuration is recorded, so that an interrupted run reloads next time.
    """
    target = config_file()
    previous = target.read_text("utf-8") if target.exists() else None
    loaded = read_state().get("nginx", "")
    if previous != text:
        record(machine, nginx="")
    if machine.write(target, text):
        tested = capture("nginx", "-t")
        if tested.returncode:
            if previous is None:
                target.unlink()
            else:
                target.write_text(previous, "utf-8")
            record(machine, nginx=loaded)
            raise DeployError(
                said(
                    "Nginx rejected the new configuration; the previous one is back",
                    "Nginx 配置未通过检查，已恢复原配置",
                )
                + f":\n{tested.stderr.strip()}"
            )
    digest = hashlib.sha256((text + certificate).encode()).hexdigest()
    if read_state().get("nginx") != digest:
        reload_nginx(machine)
        record(machine, nginx=digest)


def reload_nginx(machine: Machine) -> None:
    """Load the configuration and certificates without dropping a request; start Nginx if down."""
    if capture("systemctl", "is-active", "nginx").returncode == 0:
        machine.run(said("reload Nginx", "重新加载 Nginx"), "systemctl", "reload", "nginx")
    else:
        machine.run(said("start Nginx", "启动 Nginx"), "systemctl", "start", "nginx")


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
    machine.run(said("create a placeholder certificate", "创建占位证书"), *new, *name, *out)
    if not machine.dry_run:
        draft.replace(target)


def _values(domain: str, certificate: Path | None, trusted_proxies: tuple[str, ...]) -> nginx.Site:
    """Return the values for this server; without a certificate, for port 80 only."""
    version = nginx.version(capture("nginx", "-v").stderr)
    dump = capture("nginx", "-T").stdout
    taken_ports = {listen.port for listen in nginx.other_listens(dump, str(config_file()))}
    has_ipv6 = Path("/proc/net/if_inet6").exists()
    return nginx.Site(
        domain=domain,
        version=version,
        certificate=str(certificate / "fullchain.pem") if certificate else "",
        key=str(certificate / _key_name(certificate)) if certificate else "",
        http=("80", "[::]:80") if has_ipv6 else ("80",),
        https=("443", "[::]:443") if has_ipv6 else ("443",),
        default_http=80 not in taken_ports,
        default_https=443 not in taken_ports,
        http2=443 not in taken_ports or nginx.others_use_http2(dump, str(config_file())),
        trusted_proxies=trusted_proxies,
        **limits.read()._asdict(),
    )


def _key_name(folder: Path) -> str:
    return "privkey.pem" if (folder / "privkey.pem").exists() else "key.pem"
