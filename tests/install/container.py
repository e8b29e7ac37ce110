"""Minimal systems booted with systemd, each in a container with its own network.

Packages and wheels are prepared in advance, so a container downloads nothing. The root file systems
are built once and kept in `CACHE`; a container is an overlay on one of them and is deleted at the
end. `python -m tests.install.container` builds what is missing and prints which systems can be
booted on this machine.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tests.install.archive import (
    CACHE,
    DEBIAN,
    SYSTEMS,
    System,
    UnavailableError,
    debootstrap,
    locked,
    run,
)

ROOT = Path(__file__).resolve().parent.parent.parent
CONTAINERS = Path("/var/tmp")
PREFIX = "myapi-container-"
TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
}
EDITION = 2  # of the build steps; another number rebuilds all bases
OPTIONS = (
    *("--quiet", "--register=no", "--keep-unit"),
    *("--private-network", "--resolv-conf=off", "--timezone=off"),
)
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class IncapableError(UnavailableError):
    """Why this machine cannot boot any container."""


# ---- which systems are available ----


def unavailable(system: System = DEBIAN) -> str | None:
    """Return None, or why this machine cannot boot a container of this system."""
    try:
        _check_containers()
        base(system)
        if system == DEBIAN:
            _check_boot()
    except UnavailableError as error:
        return str(error)
    return None


@functools.cache
def _check_containers() -> None:
    """Check quickly whether containers work: run a program in one with the host's /usr."""
    if os.geteuid() != 0:
        raise IncapableError("only root can boot a container")
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise IncapableError(f"{tool} not found: apt install {package}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "usr").mkdir()
        for link in ("bin", "sbin", "lib", "lib64"):
            (folder / link).symlink_to(f"usr/{link}")
        options = (*OPTIONS, "-D", name, "--bind-ro=/usr", "/usr/bin/true")
        done = subprocess.run(
            ["systemd-nspawn", *options], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise IncapableError(
                f"containers do not work on this machine: {done.stderr.strip()[-300:]}"
            )


def _check_boot() -> None:
    """Boot a container once and remember the success: cgroups may prevent it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = CACHE / f"boots-{boot}"
    with locked("boots"):
        if known.exists():
            return
        try:
            with Container(DEBIAN, bare=True):
                known.touch()
        except (AssertionError, OSError) as error:
            raise IncapableError(f"containers do not boot on this machine: {error}") from error


# ---- the cache ----


def base(system: System) -> Path:
    """Return the root file system of a system, built if necessary."""
    digest = hashlib.sha256(f"{EDITION}{system!r}".encode()).hexdigest()[:12]
    folder = CACHE / f"base-{system.suite}-{digest}"
    if folder.exists():
        return folder
    with locked(system.suite):
        refused = CACHE / f"refused-{system.suite}"
        if not folder.exists():
            if refused.exists() and time.time() - refused.stat().st_mtime < 3600:
                raise UnavailableError(refused.read_text())
            try:
                _make_base(system).rename(folder)
            except UnavailableError as error:  # try again only after an hour
                refused.write_text(str(error))
                raise
            for old in CACHE.glob(f"base-{system.suite}-*"):
                if old != folder and str(old) not in Path("/proc/mounts").read_text():
                    shutil.rmtree(old)
    return folder


def _make_base(system: System) -> Path:
    draft = CACHE / f"draft-{system.suite}"
    shutil.rmtree(draft, ignore_errors=True)
    debootstrap(system, draft, system.in_base)
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    if system == DEBIAN and sources.exists():
        shutil.copy(sources, draft / "etc/apt/sources.list.d")
    shutil.copy("/etc/resolv.conf", draft / "etc/resolv.conf")
    run("chroot", draft, "apt-get", "-qq", "update")
    # An up-to-date system, or the install would upgrade packages.
    run("chroot", draft, "apt-get", "-qq", "--yes", "upgrade", DEBIAN_FRONTEND="noninteractive")
    get = ("apt-get", "-qq", "--yes", "--no-install-recommends", "--download-only", "install")
    run("chroot", draft, *get, *system.brought_along)
    return draft


def wheels(system: System) -> Path:
    """Return a folder with the wheels of requirements.txt for the Python of a system."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    digest = hashlib.sha256(f"{system.python}{text}".encode()).hexdigest()[:12]
    folder = CACHE / f"wheels-{system.suite}-{digest}"
    with locked(f"wheels-{system.suite}"):
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(dir=CACHE))
            python = system.python.rpartition(".")[0]
            which = ("--only-binary=:all:", f"--python-version={python}", "--no-deps")
            pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download")
            run(*pip, "--quiet", *which, "--dest", draft, *_pins(text, system.python))
            draft.chmod(0o755)
            draft.rename(folder)
    return folder


def _pins(text: str, python: str) -> list[str]:
    """Return the pins of requirements.txt for another Python; pip would use its own version."""
    environment = {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
    }
    lines = (line.rstrip(" \\") for line in text.splitlines() if re.match(r"[a-z0-9]", line))
    pinned = [Requirement(line) for line in lines]
    return [
        f"{one.name}{one.specifier}"
        for one in pinned
        if one.marker is None or one.marker.evaluate(environment)
    ]


def pebble() -> Path:
    """Return a folder with Debian's `pebble`, a test ACME server, and its DNS server."""
    folder = CACHE / f"pebble-{base(DEBIAN).name}"
    with locked("pebble"):
        if not folder.exists():
            (package,) = (base(DEBIAN) / "var/cache/apt/archives").glob("pebble_*.deb")
            draft = Path(tempfile.mkdtemp(dir=CACHE))
            run("dpkg-deb", "-x", package, draft)
            draft.rename(folder)
    return folder / "usr/bin"


def sslyze() -> Path:
    """Return the path of sslyze, which checks TLS, in a virtual environment of its own.

    It needs an old version of `cryptography`.
    """
    pinned = Path(__file__).with_name("requirements.txt")
    folder = CACHE / f"sslyze-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]}"
    with locked("sslyze"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            run(sys.executable, "-m", "venv", folder)
            pip = (folder / "bin/python", "-m", "pip", "--disable-pip-version-check")
            run(*pip, "install", "--quiet", "-r", pinned)
            (folder / "done").touch()
    return folder / "bin/sslyze"


# ---- a container ----


class Container:
    """A booted system. `root` is its root file system, seen from the host."""

    def __init__(self, system: System, *, bare: bool = False) -> None:
        self.system = system
        self._bare = bare
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Any:
        sweep()
        with contextlib.ExitStack() as undo:
            self._make(undo)
            self._exit = undo.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._exit.close()

    def _make(self, undo: contextlib.ExitStack) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=CONTAINERS))
        undo.callback(shutil.rmtree, self.folder)
        for name in ("upper", "work", "root", "host"):
            (self.folder / name).mkdir()
        (self.folder / "upper").chmod(0o755)
        self.root = self.folder / "root"
        layers = f"lowerdir={base(self.system)},upperdir={self.folder}/upper"
        layers += f",workdir={self.folder}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        undo.callback(run, "umount", "--lazy", self.root)
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost api.example.com pebble\n")
        self._binds = [] if self._bare else [f"--bind-ro={wheels(self.system)}:/wheels"]
        # Two containers in one cgroup would kill each other's processes.
        self._cgroups = [path / self.folder.name for path in _own_cgroups()]
        undo.callback(_remove_cgroups, self._cgroups)
        undo.callback(self.power_off)
        self.boot()

    def boot(self) -> None:
        for path in self._cgroups:
            path.mkdir(exist_ok=True)
        enter = " && ".join(f"echo $$ >{path}/cgroup.procs" for path in self._cgroups)
        with (self.folder / "log").open("ab") as log:
            self._nspawn = subprocess.Popen(
                # A container is killed when the test process ends.
                [
                    *("sh", "-c", f'{enter or ":"} && exec "$@"', "sh"),
                    *("setpriv", "--pdeathsig", "KILL", "systemd-nspawn"),
                    *(*OPTIONS, "-D", str(self.root), "--boot", *self._binds),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + 60
        while not self._up():
            log_end = (self.folder / "log").read_text(errors="replace")[-500:]
            assert self._nspawn.poll() is None, f"the container exited: {log_end}"
            assert time.monotonic() < end, f"the container did not boot: {log_end}"
            time.sleep(0.1)

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
        """Run a command in the container and wait for it."""
        return subprocess.run(
            [*self.enter(environ), *command],
            capture_output=True,
            text=True,
            timeout=600,
            stdin=subprocess.DEVNULL,
        )

    def start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen([*self.enter(environ), *command], text=True, **pipes)

    @property
    def inside(self) -> Path:
        """The root file system as the container's processes see it, with /run and all mounts."""
        return Path(f"/proc/{self._leader()}/root")

    def on_its_network(self, *command: object) -> list[str]:
        """Return a command that runs on the host but with the container's network."""
        return ["nsenter", "-t", str(self._leader()), "-n", "--", *map(str, command)]

    def copy(self, to: str = "/src") -> None:
        """Copy the checkout into the container, without a team's own code."""
        skip = shutil.ignore_patterns(
            *(".git", ".venv", "__pycache__", "instance", ".*_cache", ".env", "node_modules"),
            *("app", ".coverage.*"),
        )
        shutil.copytree(ROOT, self.root / to.lstrip("/"), ignore=skip, dirs_exist_ok=True)

    def enter(self, environ: Mapping[str, str] | None = None) -> list[str]:
        """Return the beginning of a command that runs in the container."""
        variables = [f"{name}={value}" for name, value in (environ or {}).items()]
        enter = ["nsenter", "-t", str(self._leader()), "-a"]
        return [*enter, "env", "-i", PATH, "HOME=/root", *variables]

    def _leader(self) -> int:
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text()
        return int(children.split()[0]) if children.split() else 0

    def _up(self) -> bool:
        if not self._leader():
            return False
        done = self.run("systemctl", "is-system-running")
        return done.stdout.strip() in {"running", "degraded"}


def sweep() -> None:
    """Remove the folders and cgroups of killed runs; their containers have ended."""
    for folder in filter(_is_orphaned, CONTAINERS.glob(f"{PREFIX}*")):
        subprocess.run(["umount", "--lazy", folder / "root"], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    for top in _own_cgroups():
        _remove_cgroups([*filter(_is_orphaned, top.glob(f"{PREFIX}*"))])


def _is_orphaned(folder: Path) -> bool:
    owner = folder.name.removeprefix(PREFIX).partition("-")[0]
    return owner.isdigit() and not Path(f"/proc/{owner}").exists()


def _own_cgroups() -> list[Path]:
    """Return the folders of this process's cgroup in systemd's hierarchies, v1 and v2."""
    top = Path("/sys/fs/cgroup")
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kind, path = line.split(":", 2)
        if kind == "name=systemd":
            found.append(top / "systemd" / path.lstrip("/"))
        elif kind == "":
            unified = top / "unified" if (top / "unified").exists() else top
            found.append(unified / path.lstrip("/"))
    return [path for path in found if path.is_dir()]


def _remove_cgroups(folders: list[Path]) -> None:
    for top in folders:
        for path, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(path).rmdir()


def main() -> int:
    """Prepare the install test and print for which systems it can run.

    Exit codes: 0 ready, 1 this machine cannot boot containers, 2 Debian cannot be built.
    """
    try:
        _check_containers()
        base(DEBIAN)
        _check_boot()
    except UnavailableError as error:
        print(f"the install test cannot run: {error}", flush=True)  # noqa: T201
        return 1 if isinstance(error, IncapableError) else 2
    found = {system: unavailable(system) for system in SYSTEMS}
    for system, reason in found.items():
        print(f"{system.name}: {reason or 'can be booted'}", flush=True)  # noqa: T201
        if not reason:
            wheels(system)
    from tests.install import former  # which imports this module

    if reason := former.unavailable():
        print(f"the upgrade is not tested: {reason}", flush=True)  # noqa: T201
    pebble()
    sslyze()
    known = {system.suite: reason for system, reason in found.items()}
    (CACHE / "systems.json").write_text(json.dumps(known))
    return 0


if __name__ == "__main__":
    sys.exit(main())
