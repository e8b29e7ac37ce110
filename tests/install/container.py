"""Bare systems booted with systemd, each in a container with a network of its own.

Packages and wheels are brought along, so nothing in a container is fetched from anywhere. The
root file systems are built once and kept in `CACHE`; a container is a layer on top of one of
them, which goes with it. `python -m tests.install.container` builds what is missing and says
which systems can be booted here.
"""

from __future__ import annotations

import contextlib
import fcntl
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path("/var/tmp/myapi-install")
CONTAINERS = Path("/var/tmp")
PREFIX = "myapi-container-"
TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
}
KEYRINGS = Path("/usr/share/keyrings")
SCRIPTS = Path("/usr/share/debootstrap")
EDITION = 2  # of how a base is made: another one makes it anew
OPTIONS = (
    *("--quiet", "--register=no", "--keep-unit"),
    *("--private-network", "--resolv-conf=off", "--timezone=off"),
)
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class System(NamedTuple):
    """A system that `deploy/myapi` is for; what is brought along is there for apt alone."""

    name: str
    suite: str
    python: str  # as pip reads `python_full_version`
    keyring: str
    like: str = ""  # the script that an older debootstrap takes for it
    options: tuple[str, ...] = ()
    in_base: tuple[str, ...] = (
        *("systemd", "systemd-sysv", "dbus", "python3", "ca-certificates"),
        *("iproute2", "procps", "curl"),
    )
    brought_along: tuple[str, ...] = ("nginx", "certbot", "python3-venv", "openssl")


DEBIAN = System(
    "Debian 12",
    "bookworm",
    "3.11.2",
    "debian-archive-keyring.gpg",
    brought_along=(
        *("nginx", "certbot", "python3-venv", "openssl", "pebble"),
        *("ufw", "openssh-server", "mariadb-server", "redis-server"),
    ),
)
UNIVERSE = ("--components=main,universe",)
JAMMY = System("Ubuntu 22.04", "jammy", "3.10.12", "ubuntu-archive-keyring.gpg", "gutsy", UNIVERSE)
NOBLE = System("Ubuntu 24.04", "noble", "3.12.3", "ubuntu-archive-keyring.gpg", "gutsy", UNIVERSE)
SYSTEMS = (DEBIAN, JAMMY, NOBLE)


class UnavailableError(Exception):
    """Why a system cannot be had on this machine."""


class IncapableError(UnavailableError):
    """Why this machine can boot no container at all."""


# ---- what can be had here ----


def unavailable(system: System = DEBIAN) -> str | None:
    """Return None, or why no container of this system can be booted here."""
    try:
        _can_hold_one()
        base(system)
        if system == DEBIAN:
            _boots()
    except UnavailableError as error:
        return str(error)
    return None


@functools.cache
def _can_hold_one() -> None:
    """Run one program in a container of the host's own /usr, which takes no time."""
    if os.geteuid() != 0:
        raise IncapableError("a container can be booted by root alone")
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
                f"this machine can hold no container: {done.stderr.strip()[-300:]}"
            )


def _boots() -> None:
    """Boot a container once and remember that it worked: cgroups may forbid it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = CACHE / f"boots-{boot}"
    with _locked("boots"):
        if known.exists():
            return
        try:
            with Container(DEBIAN, bare=True):
                known.touch()
        except (AssertionError, OSError) as error:
            raise IncapableError(f"no container boots on this machine: {error}") from error


# ---- what is kept in the cache ----


def base(system: System) -> Path:
    """Return the root file system that all containers of a system share."""
    digest = hashlib.sha256(f"{EDITION}{system!r}".encode()).hexdigest()[:12]
    folder = CACHE / f"base-{system.suite}-{digest}"
    if folder.exists():
        return folder
    with _locked(system.suite):
        refused = CACHE / f"refused-{system.suite}"
        if not folder.exists():
            if refused.exists() and time.time() - refused.stat().st_mtime < 3600:
                raise UnavailableError(refused.read_text())
            try:
                _make_base(system).rename(folder)
            except UnavailableError as error:  # asked once an hour is enough
                refused.write_text(str(error))
                raise
            for old in CACHE.glob(f"base-{system.suite}-*"):
                if old != folder and str(old) not in Path("/proc/mounts").read_text():
                    shutil.rmtree(old)
    return folder


def _make_base(system: System) -> Path:
    draft = CACHE / f"draft-{system.suite}"
    shutil.rmtree(draft, ignore_errors=True)
    keyring = KEYRINGS / system.keyring
    # Debian has no package with the other's keys. Nothing of what is fetched then leaves a
    # container that is thrown away, and none of it is trusted with anything.
    checked = [f"--keyring={keyring}"] if keyring.exists() else ["--no-check-gpg"]
    command: list[object] = ["debootstrap", *checked, "--variant=minbase", *system.options]
    command += [f"--include={','.join(system.in_base)}", system.suite, draft]
    scripts = _scripts(system)
    environ = {"DEBOOTSTRAP_DIR": str(scripts)} if scripts else {}
    try:
        _run(*command, **environ)
    except AssertionError as error:
        last = str(error).strip().splitlines()[-1:]
        raise UnavailableError(
            f"debootstrap cannot build {system.name} here: {''.join(last)}"
        ) from None
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    if system == DEBIAN and sources.exists():
        shutil.copy(sources, draft / "etc/apt/sources.list.d")
    shutil.copy("/etc/resolv.conf", draft / "etc/resolv.conf")
    _run("chroot", draft, "apt-get", "-qq", "update")
    # As a server is that is looked after; or an install would upgrade what it builds on.
    _run("chroot", draft, "apt-get", "-qq", "--yes", "upgrade", DEBIAN_FRONTEND="noninteractive")
    get = ("apt-get", "-qq", "--yes", "--no-install-recommends", "--download-only", "install")
    _run("chroot", draft, *get, *system.brought_along)
    return draft


def _scripts(system: System) -> Path | None:
    """Return debootstrap's scripts with one for this system, where it is too old to have it."""
    if (SCRIPTS / "scripts" / system.suite).exists():
        return None
    folder = CACHE / f"debootstrap-{system.suite}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SCRIPTS, folder, symlinks=True)
    (folder / "scripts" / system.suite).symlink_to(system.like)
    return folder


def wheels(system: System) -> Path:
    """Return a folder with the wheels of all that runs, for the Python of a system."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    digest = hashlib.sha256(f"{system.python}{text}".encode()).hexdigest()[:12]
    folder = CACHE / f"wheels-{system.suite}-{digest}"
    with _locked(f"wheels-{system.suite}"):
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(dir=CACHE))
            python = system.python.rpartition(".")[0]
            which = ("--only-binary=:all:", f"--python-version={python}", "--no-deps")
            pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download")
            _run(*pip, "--quiet", *which, "--dest", draft, *_closure(text, system.python))
            draft.chmod(0o755)
            draft.rename(folder)
    return folder


def _closure(text: str, python: str) -> list[str]:
    """Read a pinned requirements.txt for another Python; pip would read it for its own."""
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
    """Return a folder with Debian's `pebble`, the test server of Let's Encrypt, and its DNS."""
    folder = CACHE / f"pebble-{base(DEBIAN).name}"
    with _locked("pebble"):
        if not folder.exists():
            (package,) = (base(DEBIAN) / "var/cache/apt/archives").glob("pebble_*.deb")
            draft = Path(tempfile.mkdtemp(dir=CACHE))
            _run("dpkg-deb", "-x", package, draft)
            draft.rename(folder)
    return folder / "usr/bin"


def sslyze() -> Path:
    """Return the program that judges TLS, in an environment of its own.

    It pins an old `cryptography`, which must not come into ours.
    """
    pinned = Path(__file__).with_name("requirements.txt")
    folder = CACHE / f"sslyze-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]}"
    with _locked("sslyze"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run(sys.executable, "-m", "venv", folder)
            pip = (folder / "bin/python", "-m", "pip", "--disable-pip-version-check")
            _run(*pip, "install", "--quiet", "-r", pinned)
            (folder / "done").touch()
    return folder / "bin/sslyze"


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    """Let one process at a time make a thing in the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---- a container ----


class Container:
    """A booted system; `root` is its root file system as the host sees it."""

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
        _run("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        undo.callback(_run, "umount", "--lazy", self.root)
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
                # A container ends with the test that booted it, however that one ends.
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
            said = (self.folder / "log").read_text(errors="replace")[-500:]
            assert self._nspawn.poll() is None, f"the container ended: {said}"
            assert time.monotonic() < end, f"the container did not boot: {said}"
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
        """Run a command in it to its end."""
        return subprocess.run(
            [*self._enter(environ), *command],
            capture_output=True,
            text=True,
            timeout=600,
            stdin=subprocess.DEVNULL,
        )

    def start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen([*self._enter(environ), *command], text=True, **pipes)

    @property
    def inside(self) -> Path:
        """Its root file system as its own processes see it, with /run and what is mounted."""
        return Path(f"/proc/{self._leader()}/root")

    def on_its_network(self, *command: object) -> list[str]:
        """Return a command of the host's that has the container's network and nothing else."""
        return ["nsenter", "-t", str(self._leader()), "-n", "--", *map(str, command)]

    def copy(self, to: str = "/src") -> None:
        """Put the checkout's code into it."""
        skip = shutil.ignore_patterns(
            ".git", ".venv", "__pycache__", "instance", ".*_cache", ".env", "node_modules"
        )
        shutil.copytree(ROOT, self.root / to.lstrip("/"), ignore=skip, dirs_exist_ok=True)

    def _enter(self, environ: dict[str, str]) -> list[str]:
        given = [f"{name}={value}" for name, value in environ.items()]
        enter = ["nsenter", "-t", str(self._leader()), "-a"]
        return [*enter, "env", "-i", PATH, "HOME=/root", *given]

    def _leader(self) -> int:
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text()
        return int(children.split()[0]) if children.split() else 0

    def _up(self) -> bool:
        if not self._leader():
            return False
        said = self.run("systemctl", "is-system-running")
        return said.stdout.strip() in {"running", "degraded"}


def sweep() -> None:
    """Remove what a run that was killed has left; its containers ended with it."""
    for folder in filter(_has_no_owner, CONTAINERS.glob(f"{PREFIX}*")):
        subprocess.run(["umount", "--lazy", folder / "root"], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    for top in _own_cgroups():
        _remove_cgroups([*filter(_has_no_owner, top.glob(f"{PREFIX}*"))])


def _has_no_owner(folder: Path) -> bool:
    owner = folder.name.removeprefix(PREFIX).partition("-")[0]
    return owner.isdigit() and not Path(f"/proc/{owner}").exists()


def _own_cgroups() -> list[Path]:
    """Return the folders of our own cgroup in systemd's hierarchies, v1 and v2."""
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


def _run(*command: object, **environ: str) -> None:
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def main() -> int:
    """Make ready what the install test needs, and say for which systems it can be run.

    The exit code: 0 ready, 1 this machine boots no container, 2 the first system cannot be built.
    """
    try:
        _can_hold_one()
        base(DEBIAN)
        _boots()
    except UnavailableError as error:
        print(f"the install test cannot be run: {error}", flush=True)  # noqa: T201
        return 1 if isinstance(error, IncapableError) else 2
    found = {system: unavailable(system) for system in SYSTEMS}
    for system, reason in found.items():
        print(f"{system.name}: {reason or 'can be booted'}", flush=True)  # noqa: T201
        if not reason:
            wheels(system)
    pebble()
    sslyze()
    known = {system.suite: reason for system, reason in found.items()}
    (CACHE / "systems.json").write_text(json.dumps(known))
    return 0


if __name__ == "__main__":
    sys.exit(main())
