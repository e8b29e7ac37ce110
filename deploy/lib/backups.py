"""Back up and restore the database. `flask backup` and `flask restore` know its kind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from deploy.lib import paths, service_folders
from deploy.lib.language import said
from deploy.lib.machine import DeployError, Machine, as_service_user, capture, flask_command
from deploy.lib.settings import read_secret

SQLITE, MYSQL = ".db", ".sql.gz"
RESTORE = "myapi-restore.service"
BEFORE_RELEASE = "before-2"  # and more of the release's time; not `before-restore-…`
RUNNING = {"activating", "active", "deactivating"}


def suffix() -> str:
    return SQLITE if read_secret("database_url").startswith("sqlite:") else MYSQL


def create(machine: Machine, release: Path, reason: str) -> Path:
    """Back up the database to a new file; the reason and the time become its name."""
    file = new_file(reason)
    machine.run(
        said(f"back up to {file}", f"备份到 {file}"), *flask_command(release, "backup", str(file))
    )
    return file


def new_file(reason: str) -> Path:
    """Return a name that is free: a small database is backed up twice within a second."""
    while True:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        file = paths.BACKUPS / f"{reason}-{stamp}{suffix()}"
        if not file.exists():
            return file
        time.sleep(0.1)


def existing() -> list[Path]:
    """Return all backups, oldest first."""
    files = [f for f in paths.BACKUPS.glob("*") if f.name.endswith((SQLITE, MYSQL))]
    return sorted((f for f in files if not f.name.startswith(".")), key=lambda f: f.stat().st_mtime)


def prune(machine: Machine, prefix: str, keep: int) -> None:
    """Remove all but the newest backups whose names start with the prefix."""
    for old in [file for file in existing() if file.name.startswith(prefix)][:-keep]:
        machine.remove(old)


def restore(machine: Machine, release: Path, file: Path) -> None:
    """Replace the database with a backup, in a systemd unit that always starts the service again.

    The unit goes on to its end whatever becomes of this command: Ctrl-C, a lost SSH session, or a
    kill. Its last steps are run even if the restore itself is killed.
    """
    copy = paths.BACKUPS / f".restore{suffix()}"  # a place that the user myapi can read
    if capture("systemctl", "is-active", RESTORE).stdout.strip() in RUNNING:
        running = said("a restore is running:", "正在恢复中：")
        raise DeployError(f"{running} journalctl --follow --unit {RESTORE}")
    if machine.announce(said(f"copy {file}", f"复制 {file}")):
        service_folders.copy_for_service(file, copy)
    try:
        _check(machine, release, copy)
    except DeployError:
        machine.remove(copy)
        raise
    before = new_file("before-restore")
    try:
        machine.run(said("restore it", "恢复数据库"), *_restore_command(release, copy, before))
    except KeyboardInterrupt:
        goes_on = said(
            "the restore goes on and starts the service at its end:",
            "恢复仍在后台继续，结束后会自动启动服务：",
        )
        raise DeployError(f"{goes_on} journalctl --follow --unit {RESTORE}") from None
    if not machine.dry_run and not before.exists():
        note = said(
            "note: the database before it could not be backed up",
            "注意：恢复前的数据库无法备份",
        )
        print(note)  # noqa: T201


def _restore_command(release: Path, file: Path, before: Path) -> Sequence[str]:
    """Return the command for the whole of it; nothing is acknowledged between backup and restore.

    A database that is damaged cannot be backed up (`-`), and is restored all the same.
    """
    flask = f"{release}/.venv/bin/python -m flask"
    return as_service_user(
        release,
        *flask.split(),
        "restore",
        str(file),
        "--yes",
        name=RESTORE,
        properties=(
            "TimeoutStartSec=infinity",
            "TimeoutStopSec=infinity",
            "ExecStartPre=+systemctl stop myapi.socket myapi.service",
            f"ExecStartPre=-{flask} backup {before}",
            f"ExecStopPost=-{flask} db upgrade",  # if it was killed before its migrations
            # A service that has failed too often, as on a damaged database, would not be started.
            "ExecStopPost=-+systemctl reset-failed myapi.socket myapi.service",
            "ExecStopPost=+systemctl start myapi.socket myapi.service",
            f"ExecStopPost=-rm -f {file}",
        ),
    )


def _check(machine: Machine, release: Path, file: Path) -> None:
    try:
        machine.run(
            said("check the backup", "检查备份"),
            *flask_command(release, "restore", str(file), "--check"),
        )
    except DeployError as error:
        unchanged = said("nothing has been changed", "备份文件不可用，未做改动")
        raise DeployError(f"{error}\n{unchanged}") from None
