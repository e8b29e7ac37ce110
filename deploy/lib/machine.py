"""How a step looks at the machine and changes it. In a dry run it only says what it would do."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path


class RefusedError(Exception):
    """What keeps the command from going on, in words for who typed it."""


class Machine:
    """Everything that changes the machine goes through here; `changes` counts it."""

    def __init__(self, *, dry: bool = False) -> None:
        self.dry = dry
        self.changes = 0

    def act(self, what: str) -> bool:
        """Announce a change; tells whether to make it."""
        print(("would " if self.dry else "") + what, flush=True)  # noqa: T201
        self.changes += 1
        return not self.dry

    def run(self, what: str, *command: str, environ: dict[str, str] | None = None) -> None:
        """Change something with a command; its output is shown where it fails."""
        if self.act(what):
            done = ask(*command, environ=environ)
            if done.returncode:
                raise RefusedError(f"{what}: failed\n{(done.stdout + done.stderr).strip()[-3000:]}")

    def write(self, path: Path, text: str, *, mode: int = 0o644, owner: str = "root:root") -> bool:
        """Have a file with this text, owner and mode; tells whether it changed."""
        return self.install(path, text.encode(), mode=mode, owner=owner)

    def install(self, path: Path, data: bytes, *, mode: int, owner: str) -> bool:
        there = path.is_file() and path.stat().st_mode & 0o777 == mode and _owner(path) == owner
        if (there and path.read_bytes() == data) or not self.act(f"write {path}"):
            return False
        draft = path.with_name(f".{path.name}.new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        user, _, group = owner.partition(":")
        shutil.chown(draft, user, group)
        draft.chmod(mode)
        draft.replace(path)
        return True

    def folder(self, path: Path, *, mode: int = 0o755, owner: str = "root:root") -> None:
        if path.is_dir() and path.stat().st_mode & 0o777 == mode and _owner(path) == owner:
            return
        if self.act(f"make {path}"):
            path.mkdir(parents=True, exist_ok=True)
            user, _, group = owner.partition(":")
            shutil.chown(path, user, group)
            path.chmod(mode)

    def link(self, path: Path, target: Path) -> None:
        """Point a symbolic link somewhere else, in one step that nobody sees the middle of."""
        if path.is_symlink() and path.readlink() == target:
            return
        if self.act(f"point {path} to {target}"):
            draft = path.with_name(f".{path.name}.new")
            draft.unlink(missing_ok=True)
            draft.symlink_to(target)
            draft.replace(path)

    def remove(self, path: Path) -> None:
        if not os.path.lexists(path) or not self.act(f"remove {path}"):
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _owner(path: Path) -> str:
    try:
        return f"{path.owner()}:{path.group()}"
    except KeyError:
        return ""


def ask(
    *command: str, environ: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said; one that is not there counts as failed."""
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


def as_service(release: Path, *command: str, properties: Sequence[str] = ()) -> Sequence[str]:
    """Return a command that runs in a release as the service's user, with its settings."""
    given = ("User=myapi", "UMask=0077", "EnvironmentFile=/etc/myapi/env", *properties)
    return (
        *("systemd-run", "--quiet", "--pipe", "--wait", "--collect"),
        *(f"--property={each}" for each in (*given, f"WorkingDirectory={release}")),
        *("--", *command),
    )


def flask(release: Path, *arguments: str) -> Sequence[str]:
    """Return one of the release's own commands, to be run as the service's user."""
    return as_service(release, f"{release}/.venv/bin/python", "-m", "flask", *arguments)
