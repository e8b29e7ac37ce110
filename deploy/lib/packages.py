"""Debian's packages: what is missing, and nothing that nobody asked for."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from deploy.lib.machine import Machine, ask
from deploy.lib.state import remember, state

QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
APT = ("apt-get", "-qq", "--yes", "-o", "DPkg::Lock::Timeout=300")
FEW = ("--no-install-recommends",)
# What some versions of a package leave behind when it is purged; of folders, the empty ones.
REMAINS = {
    "certbot": ("/var/lib/letsencrypt",),
    "nginx": ("/var/www/html/index.nginx-debian.html", "/var/www/html", "/var/www"),
}
WELCOME = Path("/etc/nginx/sites-enabled/default")


def install(machine: Machine, *extra: str, certbot: bool) -> None:
    """Have Nginx, Python's venv and what else is needed; `extra` are packages by name."""
    ours = list(state().get("packages", []))
    if ours and ask("dpkg", "--audit").stdout.strip() and machine.act("finish what apt had begun"):
        _finish()
    there = {
        "nginx": _found("nginx"),
        "certbot": _found("certbot") or not certbot,
        "openssl": _found("openssl"),
        "python3-venv": ask("python3", "-c", "import ensurepip, venv").returncode == 0,
    }
    missing = [*(name for name, found in there.items() if not found), *extra]
    if missing:
        if not machine.dry:
            ask(*APT, "update", environ=QUIET)  # an old list may do as well
        come = re.findall(
            r"^Inst (\S+) \(", ask(*APT, "-s", "install", *FEW, *missing).stdout, re.M
        )
        come = sorted({*state().get("came", []), *come})
        remember(machine, packages=sorted({*ours, *missing}), came=come)
        words = f"install {' '.join(missing)}"
        machine.run(words, *APT, "install", *FEW, *missing, environ=QUIET)
    if "nginx" in state().get("packages", []) and "welcome" not in state() and WELCOME.is_symlink():
        machine.remove(WELCOME)  # the page that came with Nginx; nobody's site
        remember(machine, welcome="removed")


def _finish() -> None:
    """Bring what apt was killed at to its end; half unpacked, a package has to come anew."""
    ask("dpkg", "--configure", "-a", environ=QUIET)
    known = ask("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n").stdout
    half = re.findall(r"^..R (\S+)$", known, re.M)
    if half:
        ask(*APT, "--fix-broken", "--reinstall", "install", *FEW, *half, environ=QUIET)
    ask(*APT, "--fix-broken", "install", *FEW, environ=QUIET)


def purge(machine: Machine) -> None:
    """Remove the packages that came with myapi, and what came with them."""
    names: list[str] = state().get("packages", [])
    if names:
        _purge(machine, names)
    # What another package merely suggests, apt keeps: Ubuntu's python3 suggests its venv.
    left = [name for name in state().get("came", []) if _is_installed(name)]
    would = ask(*APT, "-s", "purge", *left).stdout if left else ""
    if left and {*re.findall(r"^(?:Remv|Purg) (\S+)", would, re.M)} <= {*left}:
        _purge(machine, left)
    for name in names:
        for path in map(Path, REMAINS.get(name, ())):
            if not path.is_dir() or name == "certbot" or not any(path.iterdir()):
                machine.remove(path)


def _purge(machine: Machine, names: list[str]) -> None:
    words = "remove the packages that came with it"
    machine.run(words, *APT, "purge", "--auto-remove", *names, environ=QUIET)


def _is_installed(name: str) -> bool:
    return ask("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", name).stdout.startswith("ii")


def _found(program: str) -> bool:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is not None
