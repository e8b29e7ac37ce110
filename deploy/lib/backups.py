"""Back up and restore the database. `flask backup` and `flask restore` know its kind."""

from __future__ import annotations

import time
from pathlib import Path

from deploy.lib import paths
from deploy.lib.machine import DeployError, Machine, capture, flask_command
from deploy.lib.settings import read_secret

SQLITE, MYSQL = ".db", ".sql.gz"


def suffix() -> str:
    return SQLITE if read_secret("database_url").startswith("sqlite:") else MYSQL


def create(machine: Machine, release: Path, reason: str) -> Path:
    """Back up the database to a new file; the reason and the time become its name."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    file = paths.BACKUPS / f"{reason}-{stamp}{suffix()}"
    machine.run(f"back up to {file}", *flask_command(release, "backup", str(file)))
    return file


def existing() -> list[Path]:
    """Return all backups, oldest first."""
    files = [f for f in paths.BACKUPS.glob("*") if f.name.endswith((SQLITE, MYSQL))]
    return sorted((f for f in files if not f.name.startswith(".")), key=lambda f: f.stat().st_mtime)


def prune(machine: Machine, prefix: str, keep: int) -> None:
    """Remove all but the newest backups whose names start with the prefix."""
    for old in [file for file in existing() if file.name.startswith(prefix)][:-keep]:
        machine.remove(old)


def restore(machine: Machine, release: Path, file: Path) -> None:
    """Replace the database with a backup; if that fails, put the current database back."""
    copy = paths.BACKUPS / f".restore{suffix()}"  # a place that the user myapi can read
    install = ("install", "-m", "0600", "-o", "myapi", "-g", "myapi", str(file), str(copy))
    try:
        machine.run(f"copy {file}", *install)
        _check(machine, release, copy)
        before = create(machine, release, "before-restore")
        machine.run("stop the service", "systemctl", "stop", "myapi.service", "myapi.socket")
        try:
            machine.run(
                "restore the backup", *flask_command(release, "restore", str(copy), "--yes")
            )
        except DeployError:
            machine.run(
                "put the previous database back",
                *flask_command(release, "restore", str(before), "--yes"),
            )
            raise
    finally:
        if capture("systemctl", "is-active", "myapi.socket").returncode:
            start = ("systemctl", "start", "myapi.socket", "myapi.service")
            machine.run("start the service", *start)
        machine.remove(copy)


def _check(machine: Machine, release: Path, file: Path) -> None:
    try:
        machine.run("check the backup", *flask_command(release, "restore", str(file), "--check"))
    except DeployError as error:
        raise DeployError(f"{error}\nnothing has been changed · 备份文件不可用，未做改动") from None
