"""The Nginx file on this machine: rendered for what is there, and never left where it fails."""

from __future__ import annotations

from pathlib import Path

from deploy.lib import nginx, paths
from deploy.lib.machine import Machine, RefusedError, ask


def file() -> Path:
    """Return where the Nginx file goes: read last, so no other site's unsaid default changes."""
    main = Path("/etc/nginx/nginx.conf")
    enabled = main.exists() and "sites-enabled" in main.read_text("utf-8")
    folder = "sites-enabled" if enabled or not main.exists() else "conf.d"
    return Path("/etc/nginx") / folder / "zz-myapi.conf"


def text(domain: str, certificate: Path | None, behind: list[str]) -> str:
    """Write it for this machine; without a certificate, for port 80 alone."""
    said = ask("nginx", "-v").stderr
    taken = {listen.port for listen in nginx.listens(ask("nginx", "-T").stdout, str(file()))}
    six = Path("/proc/net/if_inet6").exists()
    return nginx.render(
        nginx.Site(
            domain=domain,
            version=nginx.version(said),
            certificate=str(certificate / "fullchain.pem") if certificate else "",
            key=str(certificate / _key_name(certificate)) if certificate else "",
            http=("80", "[::]:80") if six else ("80",),
            https=("443", "[::]:443") if six else ("443",),
            default_http=80 not in taken,
            default_https=443 not in taken,
            behind=tuple(behind),
        )
    )


def serve(machine: Machine, written: str) -> bool:
    """Put the file into place; the old one comes back where Nginx refuses the new one.

    Tells whether it changed, and with it Nginx.
    """
    target = file()
    old = target.read_text("utf-8") if target.exists() else None
    if not machine.write(target, written):
        return False
    tested = ask("nginx", "-t")
    if tested.returncode:
        if old is None:
            target.unlink()
        else:
            target.write_text(old, "utf-8")
        raise RefusedError(
            f"Nginx refuses the new file; the old one is back:\n{tested.stderr.strip()}"
        )
    read(machine)
    return True


def read(machine: Machine) -> None:
    """Have Nginx take its files and certificates anew, without losing a call."""
    running = ask("systemctl", "is-active", "nginx").returncode == 0
    machine.run("have Nginx read it", "systemctl", "reload" if running else "start", "nginx")


def nobody(machine: Machine) -> None:
    """Have a certificate for no name, which Nginx 1.18 shows to whoever asks for none of ours."""
    target = paths.TLS / "nobody.pem"
    if target.exists() or nginx.version(ask("nginx", "-v").stderr) >= (1, 19, 4):
        return
    machine.folder(paths.TLS, mode=0o700)
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    name = ("-nodes", "-days", "36500", "-subj", "/CN=nobody")
    draft = target.with_suffix(".new")
    out = ("-keyout", str(draft), "-out", str(draft))
    machine.run("make a certificate for no name", *new, *name, *out)
    if not machine.dry:
        draft.replace(target)


def _key_name(folder: Path) -> str:
    return "privkey.pem" if (folder / "privkey.pem").exists() else "key.pem"
