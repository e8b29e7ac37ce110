"""Copies of the database: made by `flask backup`, whatever the database is, and put back."""

from __future__ import annotations

import time
from pathlib import Path

from deploy.lib import paths
from deploy.lib.machine import Machine, RefusedError, ask, flask
from deploy.lib.settings import secret

SQLITE, MYSQL = ".db", ".sql.gz"


def suffix() -> str:
    return SQLITE if secret("database_url").startswith("sqlite:") else MYSQL


def make(machine: Machine, release: Path, why: str) -> Path:
    """Copy the database to a new file, named after the reason and the time."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    file = paths.BACKUPS / f"{why}-{stamp}{suffix()}"
    machine.run(f"back up to {file}", *flask(release, "backup", str(file)))
    return file


def kept() -> list[Path]:
    """Return all copies there are, the oldest first."""
    files = [f for f in paths.BACKUPS.glob("*") if f.name.endswith((SQLITE, MYSQL))]
    return sorted((f for f in files if not f.name.startswith(".")), key=lambda f: f.stat().st_mtime)


def prune(machine: Machine, prefix: str, number: int) -> None:
    for old in [file for file in kept() if file.name.startswith(prefix)][:-number]:
        machine.remove(old)


def restore(machine: Machine, release: Path, file: Path) -> None:
    """Put a copy in the place of the database; what is there comes back where that fails."""
    here = paths.BACKUPS / f".restore{suffix()}"  # where the service's user may read it
    copy = ("install", "-m", "0600", "-o", "myapi", "-g", "myapi", str(file), str(here))
    try:
        machine.run(f"copy {file}", *copy)
        _must_be_whole(machine, release, here)
        before = make(machine, release, "before-restore")
        machine.run("stop the service", "systemctl", "stop", "myapi.service", "myapi.socket")
        try:
            machine.run("restore it", *flask(release, "restore", str(here), "--yes"))
        except RefusedError:
            machine.run(
                "take back what was there", *flask(release, "restore", str(before), "--yes")
            )
            raise
    finally:
        if ask("systemctl", "is-active", "myapi.socket").returncode:
            start = ("systemctl", "start", "myapi.socket", "myapi.service")
            machine.run("start the service", *start)
        machine.remove(here)


def _must_be_whole(machine: Machine, release: Path, file: Path) -> None:
    try:
        machine.run("look whether it is whole", *flask(release, "restore", str(file), "--check"))
    except RefusedError as refusal:
        raise RefusedError(
            f"{refusal}\nnothing has been changed · 备份文件不可用，未做改动"
        ) from None
