"""A booted Debian 12 with systemd, in a container with a network of its own.

Packages and wheels are brought along, so nothing in it is fetched from anywhere. Its base is
built once and kept in `CACHE`; each container is a layer on top, which goes with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path("/var/tmp/myapi-install")
IN_BASE = "systemd,systemd-sysv,dbus,python3,ca-certificates,iproute2,procps,curl"
BROUGHT_ALONG = ("nginx", "certbot", "python3-venv", "pebble", "openssl")
TOOLS = ("debootstrap", "systemd-nspawn", "nsenter")


def unavailable() -> str | None:
    """Return None, or why no container can be booted here."""
    if os.geteuid() != 0:
        return "a container can be booted by root alone"
    for tool in TOOLS:
        if shutil.which(tool) is None:
            return f"{tool} not found: apt install debootstrap systemd-container util-linux"
    return None


def base() -> Path:
    """Return the root file system that all containers share, built at the first call."""
    folder = CACHE / "base"
    if not (CACHE / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sources = Path("/etc/apt/sources.list.d/debian.sources")
        _run("debootstrap", "--variant=minbase", f"--include={IN_BASE}", "bookworm", folder)
        if sources.exists():
            shutil.copy(sources, folder / "etc/apt/sources.list.d")
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        _run("chroot", folder, "apt-get", "-qq", "update")
        get = ("apt-get", "-qq", "--yes", "--no-install-recommends", "--download-only", "install")
        _run("chroot", folder, *get, *BROUGHT_ALONG)
        (CACHE / "done").touch()
    return folder


def wheels() -> Path:
    """Return a folder with the wheels of all that runs, for Debian 12's Python 3.11."""
    text = (ROOT / "requirements.txt").read_bytes()
    folder = CACHE / f"wheels-{hashlib.sha256(text).hexdigest()[:12]}"
    if not folder.exists():
        draft = Path(tempfile.mkdtemp(dir=CACHE))
        which = ("--only-binary=:all:", "--python-version=3.11")
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet")
        _run(*pip, *which, "--dest", draft, "-r", ROOT / "requirements.txt")
        # for 3.11.2, which Debian 12 has; pip reads such marks for the Python that it runs on
        older = re.findall(rb"^(\S+==\S+) ; python_full_version < '3\.11\.3'", text, re.MULTILINE)
        _run(*pip, *which, "--dest", draft, "--no-deps", *(name.decode() for name in older))
        draft.rename(folder)
    return folder


class Container:
    def __enter__(self) -> Container:
        self._folder = Path(tempfile.mkdtemp(prefix="myapi-container-", dir="/var/tmp"))
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir()
        self.root = self._folder / "root"
        layers = f"lowerdir={base()},upperdir={self._folder}/upper,workdir={self._folder}/work"
        _run("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost api.example.com pebble\n")
        shutil.copytree(wheels(), self.root / "wheels")
        self.boot()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.power_off()
        _run("umount", self.root)
        shutil.rmtree(self._folder)

    def boot(self) -> None:
        options = ("--register=no", "--keep-unit", "--private-network", "--resolv-conf=off")
        log = (self._folder / "log").open("ab")
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "-D", str(self.root), "--boot", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        end = time.monotonic() + 30
        while not self._up():
            assert self._nspawn.poll() is None, "the container ended"
            assert time.monotonic() < end, "the container did not boot"
            time.sleep(0.2)

    def power_off(self) -> None:
        if self._nspawn.poll() is None:
            self._nspawn.send_signal(signal.SIGTERM)
            try:
                self._nspawn.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self._nspawn.pid, signal.SIGKILL)
                self._nspawn.wait()

    def reboot(self) -> None:
        self.power_off()
        self.boot()

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it to its end."""
        return subprocess.run(
            [*self._enter(environ), *command], capture_output=True, text=True, timeout=300
        )

    def start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen([*self._enter(environ), *command], text=True, **pipes)

    def copy(self, to: str = "/src") -> None:
        """Put the checkout's code into it."""
        skip = shutil.ignore_patterns(
            ".git", ".venv", "__pycache__", "instance", ".*_cache", ".env"
        )
        shutil.copytree(ROOT, self.root / to.lstrip("/"), ignore=skip, dirs_exist_ok=True)

    def _enter(self, environ: dict[str, str]) -> list[str]:
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        given = [f"{name}={value}" for name, value in environ.items()]
        return ["nsenter", "-t", str(self._leader()), "-a", "env", "-i", path, "HOME=/root", *given]

    def _leader(self) -> int:
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text()
        return int(children.split()[0]) if children.split() else 0

    def _up(self) -> bool:
        if not self._leader():
            return False
        said = self.run("systemctl", "is-system-running")
        return said.stdout.strip() in {"running", "degraded"}


def _run(*command: object) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
