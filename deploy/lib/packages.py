"""Debian's packages: what is missing, and nothing that nobody asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

from deploy.lib.machine import Machine, ask
from deploy.lib.state import remember, state

QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
APT = ("apt-get", "-qq", "--yes", "-o", "DPkg::Lock::Timeout=300")
WELCOME = Path("/etc/nginx/sites-enabled/default")


def install(machine: Machine, *extra: str, certbot: bool) -> None:
    """Have Nginx, Python's venv and what else is needed; `extra` are packages by name."""
    ours = list(state().get("packages", []))
    if ours and ask("dpkg", "--audit").stdout.strip() and machine.act("finish what apt had begun"):
        ask("dpkg", "--configure", "-a", environ=QUIET)
        ask(*APT, "--fix-broken", "install", environ=QUIET)
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
        remember(machine, packages=sorted({*ours, *missing}))
        words = f"install {' '.join(missing)}"
        machine.run(words, *APT, "install", "--no-install-recommends", *missing, environ=QUIET)
    if "nginx" in state().get("packages", []) and "welcome" not in state() and WELCOME.is_symlink():
        machine.remove(WELCOME)  # the page that came with Nginx; nobody's site
        remember(machine, welcome="removed")


def purge(machine: Machine) -> None:
    """Remove the packages that came with myapi, and what came with them."""
    if names := state().get("packages"):
        machine.run(
            "remove the packages that came with it",
            *APT,
            "purge",
            "--auto-remove",
            *names,
            environ=QUIET,
        )


def _found(program: str) -> bool:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is not None
