"""Inspect and change this server. A dry run only prints the changes."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.lib.language import said


class DeployError(Exception):
    """The command cannot continue. The message is shown to the operator."""


class Machine:
    """Makes every change to this server; `changes` counts them."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.changes = 0

    def announce(self, change: str) -> bool:
        """Print and count a change; return whether to make it (False in a dry run)."""
        print((said("would ", "将") if self.dry_run else "") + change, flush=True)  # noqa: T201
        self.changes += 1
        return not self.dry_run

    def run(self, change: str, *command: str, environ: dict[str, str] | None = None) -> None:
        """Make a change by running a command; its output is shown only if it fails."""
        if self.announce(change):
            done = capture(*command, environ=environ)
            if done.returncode:
                output = (done.stdout + done.stderr).strip()[-3000:]
                raise DeployError(change + said(": failed", "：失败") + f"\n{output}")

    def write(self, path: Path, text: str, *, mode: int = 0o644, owner: str = "root:root") -> bool:
        """Make a file have this text, mode and owner; return whether it changed."""
        return self.write_bytes(path, text.encode(), mode=mode, owner=owner)

    def write_bytes(self, path: Path, data: bytes, *, mode: int, owner: str) -> bool:
        attributes_match = (
            path.is_file() and path.stat().st_mode & 0o777 == mode and _owner(path) == owner
        )
        if attributes_match and path.read_bytes() == data:
            return False
        if not self.announce(said(f"write {path}", f"写入 {path}")):
            return False
        draft = path.with_name(f".{path.name}.new")
        draft.unlink(missing_ok=True)
        # O_EXCL: the service can put a link into its own folders.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchown(handle, *_ids(owner))
            os.fchmod(handle, mode)
            file.flush()
            os.fsync(handle)
        draft.replace(path)
        return True

    def ensure_folder(self, path: Path, *, mode: int = 0o755, owner: str = "root:root") -> None:
        if path.is_dir() and path.stat().st_mode & 0o777 == mode and _owner(path) == owner:
            return
        if self.announce(said(f"create {path}", f"创建 {path}")):
            handle = _make_folder(path)
            try:
                os.fchown(handle, *_ids(owner))
                os.fchmod(handle, mode)
            finally:
                os.close(handle)

    def link(self, path: Path, target: Path) -> None:
        """Point a symbolic link at a target, atomically."""
        if path.is_symlink() and path.readlink() == target:
            return
        if self.announce(said(f"link {path} to {target}", f"把 {path} 链接到 {target}")):
            draft = path.with_name(f".{path.name}.new")
            draft.unlink(missing_ok=True)
            draft.symlink_to(target)
            draft.replace(path)

    def remove(self, path: Path) -> None:
        if not os.path.lexists(path) or not self.announce(said(f"remove {path}", f"删除 {path}")):
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _make_folder(path: Path) -> int:
    """Make a folder and open it. In a folder that is not root's, no link is followed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        follow = 0 if path.parent.stat().st_uid == 0 else os.O_NOFOLLOW
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | follow)
    except OSError as error:
        wanted = said("must be a folder, not a link", "必须是目录，不能是链接")
        raise DeployError(f"{path} {wanted}: {error.strerror}") from None


def _ids(owner: str) -> tuple[int, int]:
    user, _, group = owner.partition(":")
    return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid


def _owner(path: Path) -> str:
    try:
        return f"{path.owner()}:{path.group()}"
    except KeyError:
        return ""


def capture(
    *command: str, environ: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command and capture its output; a missing program gives exit code 127."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    env = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", **(environ or {})}
    try:
        return subprocess.run(  # noqa: S603 (the commands are ours)
            command,
            capture_output=True,
            text=True,
            check=False,
            env=env,
            input=stdin,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: not found")


def as_service_user(
    release: Path, *command: str, properties: Sequence[str] = (), name: str = ""
) -> Sequence[str]:
    """Wrap a command so that it runs in a release as the user myapi, with its settings.

    It is a systemd unit, which goes on if the wrapped command is killed; it can have a name.
    """
    unit = ("User=myapi", "UMask=0077", "EnvironmentFile=/etc/myapi/env", *properties)
    return (
        *("systemd-run", "--quiet", "--pipe", "--wait", "--collect"),
        *((f"--unit={name}",) if name else ()),
        *(f"--property={each}" for each in (*unit, f"WorkingDirectory={release}")),
        f"--setenv=SUDO_USER={os.environ.get('SUDO_USER', 'root')}",  # for the audit log
        *("--", *command),
    )


def flask_command(release: Path, *arguments: str) -> Sequence[str]:
    """Return a release's `flask …` command, run as the user myapi."""
    return as_service_user(release, f"{release}/.venv/bin/python", "-m", "flask", *arguments)
