"""Install the Debian packages that are missing, without recommended ones."""

from __future__ import annotations

import platform
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from deploy.lib import paths
from deploy.lib.language import said
from deploy.lib.machine import Machine, capture
from deploy.lib.state import read_state, record

NONINTERACTIVE = {"DEBIAN_FRONTEND": "noninteractive"}
APT = ("apt-get", "-qq", "--yes", "-o", "DPkg::Lock::Timeout=300")
NO_RECOMMENDS = ("--no-install-recommends",)
# What some versions of a package leave behind when purged. Folders are removed only if empty.
LEFTOVERS = {
    "certbot": ("/var/lib/letsencrypt",),
    "nginx": ("/var/www/html/index.nginx-debian.html", "/var/www/html", "/var/www"),
}
WELCOME_SITE = Path("/etc/nginx/sites-enabled/default")


def install(machine: Machine, *extra: str, certbot: bool) -> None:
    """Install Nginx, Python's venv, openssl, certbot if wanted, and the `extra` packages."""
    ours = list(read_state().get("packages", []))
    interrupted = ours and capture("dpkg", "--audit").stdout.strip()
    if interrupted and machine.announce(
        said("finish an interrupted apt run", "完成上次中断的 apt 安装")
    ):
        _repair_dpkg()
    installed = {
        "nginx": _found("nginx"),
        "certbot": _found("certbot") or not certbot,
        "openssl": _found("openssl"),
        "python3-venv": capture("python3", "-c", "import ensurepip, venv").returncode == 0,
    }
    if needs_compiler():
        installed |= {"build-essential": _found("make"), "python3-dev": _has_headers()}
    missing = [*(name for name, found in installed.items() if not found), *extra]
    if missing:
        if not machine.dry_run:
            _apt("update")  # if this fails, an old package list may do
        simulated = capture(*APT, "-s", "install", *NO_RECOMMENDS, *missing).stdout
        with_dependencies = re.findall(r"^Inst (\S+) \(", simulated, re.M)
        record(
            machine,
            packages=sorted({*ours, *missing}),
            came=sorted({*read_state().get("came", []), *with_dependencies}),
        )
        command = (*APT, "install", *NO_RECOMMENDS, *missing)
        names = " ".join(missing)
        machine.run(said(f"install {names}", f"安装 {names}"), *command, environ=NONINTERACTIVE)
    state = read_state()
    nginx_is_ours = "nginx" in state.get("packages", []) and "welcome" not in state
    if nginx_is_ours and WELCOME_SITE.is_symlink():
        machine.remove(WELCOME_SITE)  # the default page of the Nginx package
        record(machine, welcome="removed")


def needs_compiler() -> bool:
    """Whether gevent must be compiled: it has no wheel for ARM with Python 3.10 (Ubuntu 22.04)."""
    return platform.machine() == "aarch64" and sys.version_info < (3, 11)


def _has_headers() -> bool:
    return (Path(sysconfig.get_path("include")) / "Python.h").exists()


def _repair_dpkg() -> None:
    """Finish an interrupted apt run; half-unpacked packages are reinstalled."""
    capture("dpkg", "--configure", "-a", environ=NONINTERACTIVE)
    listed = capture("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n").stdout
    half_unpacked = re.findall(r"^..R (\S+)$", listed, re.M)
    if half_unpacked:
        _apt("--fix-broken", "--reinstall", "install", *NO_RECOMMENDS, *half_unpacked)
    _apt("--fix-broken", "install", *NO_RECOMMENDS)


def _apt(*arguments: str) -> None:
    capture(*APT, *arguments, environ=NONINTERACTIVE)


def purge(machine: Machine) -> None:
    """Remove the packages that `install` installed, and their dependencies."""
    # Purging certbot removes all certificates, those of others too.
    kept = {"certbot"} if any(each.is_dir() for each in paths.LIVE.glob("*")) else set()
    names = [name for name in read_state().get("packages", []) if name not in kept]
    if names:
        _purge(machine, names)
    # apt keeps a dependency that another package suggests: Ubuntu's python3 suggests its venv.
    came = {*read_state().get("came", [])} - kept
    left = [name for name in sorted(came) if _is_installed(name)]
    simulated = capture(*APT, "-s", "purge", *left).stdout if left else ""
    if left and {*re.findall(r"^(?:Remv|Purg) (\S+)", simulated, re.M)} <= {*left}:
        _purge(machine, left)
    for name in names:
        for path in map(Path, LEFTOVERS.get(name, ())):
            if not path.is_dir() or name == "certbot" or not any(path.iterdir()):
                machine.remove(path)


def _purge(machine: Machine, names: list[str]) -> None:
    command = (*APT, "purge", "--auto-remove", *names)
    machine.run(
        said("remove the installed packages", "删除 myapi 安装的软件包"),
        *command,
        environ=NONINTERACTIVE,
    )


def _is_installed(name: str) -> bool:
    return capture("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", name).stdout.startswith("ii")


def _found(program: str) -> bool:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is not None
