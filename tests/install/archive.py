"""What is fetched from the archives of Debian and Ubuntu, and the cache that it is kept in.

The addresses of the archives are those that debootstrap and this machine's apt know.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CACHE = Path("/var/tmp/myapi-install")
KEYRINGS = Path("/usr/share/keyrings")
SCRIPTS = Path("/usr/share/debootstrap")


class System(NamedTuple):
    """A supported system. `brought_along` packages are in apt's cache but not installed."""

    name: str
    suite: str
    python: str  # `python_full_version` for pip
    keyring: str
    like: str = ""  # the debootstrap script to use if it has none for the suite
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
        *("ufw", "openssh-server", "mariadb-server", "redis-server", "git", "jq"),
    ),
)
UNIVERSE = ("--components=main,universe",)
JAMMY = System("Ubuntu 22.04", "jammy", "3.10.12", "ubuntu-archive-keyring.gpg", "gutsy", UNIVERSE)
NOBLE = System("Ubuntu 24.04", "noble", "3.12.3", "ubuntu-archive-keyring.gpg", "gutsy", UNIVERSE)
SYSTEMS = (DEBIAN, JAMMY, NOBLE)


class UnavailableError(Exception):
    """Why something cannot be fetched, built or booted on this machine."""


def debootstrap(system: System, folder: Path, packages: tuple[str, ...], *options: str) -> None:
    """Put these packages, with all that they depend on, into a new folder.

    The caller holds the lock of the system's suite.
    """
    keyring = KEYRINGS / system.keyring
    # Debian may lack the keys of Ubuntu. Packages are then not verified, but they are used only in
    # temporary containers and for a test's server.
    checked = [f"--keyring={keyring}"] if keyring.exists() else ["--no-check-gpg"]
    command: list[object] = ["debootstrap", *checked, "--variant=minbase", *system.options]
    command += [*options, f"--include={','.join(packages)}", system.suite, folder]
    scripts = _scripts(system)
    environ = {"DEBOOTSTRAP_DIR": str(scripts)} if scripts else {}
    try:
        run(*command, **environ)
    except AssertionError as error:
        last = str(error).strip().splitlines()[-1:]
        raise UnavailableError(f"debootstrap cannot fetch {system.name}: {''.join(last)}") from None


def _scripts(system: System) -> Path | None:
    """Return debootstrap's scripts with one for this suite, if it has none."""
    if (SCRIPTS / "scripts" / system.suite).exists():
        return None
    folder = CACHE / f"debootstrap-{system.suite}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SCRIPTS, folder, symlinks=True)
    (folder / "scripts" / system.suite).symlink_to(system.like)
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Let only one process build an entry of the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: object, **environ: str) -> None:
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
