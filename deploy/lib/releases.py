"""Releases: made aside, tried on a socket of their own, switched to in one step, five kept."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.lib import backups, paths
from deploy.lib.machine import Machine, RefusedError, ask, flask

PARTS = (
    *("myapi", "doctor", "migrations", "deploy"),
    *("gunicorn.conf.py", "wsgi.py", "requirements.txt"),
)
KEPT = 5
PATIENCE = 12  # s for a release that answered on trial; calls that wait give up after 20 s
BELIEVED = 8  # wrong answers in a row, 0.2 s apart
DONE = ".complete"  # its text is the digest of the code; a release without it was cut short
PROBES = ("/healthz", "/readyz", "/api/hello")


def make(machine: Machine, packages: list[str]) -> Path:
    """Have a release of this checkout, with a venv of its own; `packages` are options of pip."""
    wanted = digest(paths.CHECKOUT)
    for release in complete():
        if (release / DONE).read_text("utf-8") == wanted:
            return release
    release = paths.RELEASES / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{wanted[:8]}"
    for cut_short in paths.RELEASES.glob("2*"):
        if not (cut_short / DONE).exists():
            machine.remove(cut_short)
    if machine.act(f"copy this checkout to {release}"):
        for part in PARTS:
            _copy(paths.CHECKOUT / part, release / part)
    python = str(release / ".venv/bin/python")
    machine.run("make its Python environment", "python3", "-m", "venv", f"{release}/.venv")
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    machine.run("install its packages", *install, *packages, "-r", f"{release}/requirements.txt")
    code = (str(release / "myapi"), str(release / "doctor"))
    machine.run("compile it", python, "-m", "compileall", "-q", *code)
    if not machine.dry:
        draft = release / f"{DONE}.new"
        draft.write_text(wanted, "utf-8")
        draft.replace(release / DONE)
    return release


def complete() -> list[Path]:
    """Return the whole releases, the newest first."""
    return sorted((mark.parent for mark in paths.RELEASES.glob(f"*/{DONE}")), reverse=True)


def current() -> Path | None:
    return paths.CURRENT.resolve() if paths.CURRENT.exists() else None


def migrate(machine: Machine, release: Path) -> None:
    """Bring the database to the state that the release expects, after a backup. It only adds.

    A database that is there already, or newer as after a rollback, stays as it is.
    """
    if not machine.dry and not _is_behind(release):
        return
    if live := current():
        backups.make(machine, live, f"before-{release.name}")
        backups.prune(machine, "before-", KEPT)
    machine.run("bring the database up to date", *flask(release, "db", "upgrade"))


def _is_behind(release: Path) -> bool:
    said = ask(*flask(release, "db", "current"))
    newer = "Can't locate revision" in said.stdout + said.stderr
    return not newer and "(head)" not in said.stdout


def go_live(machine: Machine, release: Path) -> None:
    """Try the release, switch to it, and go back by itself where it does not answer then."""
    former = current()
    if former == release and serves(release):
        return
    if former == release and not machine.dry and paths.PREVIOUS.exists():
        former = paths.PREVIOUS.resolve()  # a run was cut short between the switch and the start
    try_out(machine, release)
    before = paths.PREVIOUS.resolve() if paths.PREVIOUS.exists() else None
    if former and former != release:
        machine.link(paths.PREVIOUS, former)
    machine.link(paths.CURRENT, release)
    _restart(machine, "start it")
    if machine.dry or healthy(paths.SOCKET, patience=PATIENCE):
        _prune(machine)
        return
    said = ask("journalctl", "-u", "myapi.service", "-n", "20", "-o", "cat", "--no-pager").stdout
    if former is None or former == release or not former.exists():
        raise RefusedError(f"the release does not answer:\n{said}")
    machine.link(paths.CURRENT, former)
    if before and before != former:
        machine.link(paths.PREVIOUS, before)
    _restart(machine, "go back to the former release")
    back = "answers again" if healthy(paths.SOCKET, patience=30) else "DOES NOT ANSWER EITHER"
    raise RefusedError(
        f"{release.name} did not answer; {former.name} {back} · 已自动退回上一版本\n{said}"
    )


def _restart(machine: Machine, what: str) -> None:
    """Whether it starts is seen by who asks it, for it may start and not answer."""
    if machine.act(what):
        ask("systemctl", "restart", "myapi.service")


def serves(release: Path) -> bool:
    """Whether this is the code that answers, which it need not be for being `current`."""
    pid = ask("systemctl", "show", "-P", "MainPID", "myapi.service").stdout.strip()
    try:
        return Path(f"/proc/{pid}/cwd").resolve() == release and healthy(paths.SOCKET)
    except OSError:
        return False


def try_out(machine: Machine, release: Path) -> None:
    """Run the release on a socket of its own; refuse it where it does not answer there."""
    unit = f"myapi-canary@{release.name}.service"
    if not machine.act(f"try {release.name} on a socket of its own"):
        return
    started = ask("systemctl", "start", unit)
    well = started.returncode == 0 and healthy(paths.CANARY, patience=20)
    said = ask("journalctl", "-u", unit, "-n", "20", "-o", "cat", "--no-pager").stdout
    ask("systemctl", "stop", unit)
    ask("systemctl", "reset-failed", unit)
    if not well:
        raise RefusedError(
            f"{release.name} does not answer and was not put live · 新版本没有应答，未上线\n{said}"
        )


def healthy(path: Path, patience: float = 0) -> bool:
    """Whether all probes answer well over this Unix socket, within so many seconds.

    Silence may be a start that is not over. An answer that is wrong, again and again, is not:
    the sooner it is believed, the fewer calls get it.
    """
    end, wrong = time.monotonic() + patience, 0
    while True:
        answers = [_answers(path, probe) for probe in PROBES]
        if all(answers):
            return True
        wrong = wrong + 1 if None not in answers else 0
        if time.monotonic() >= end or wrong == BELIEVED:
            return False
        time.sleep(0.2)


def digest(checkout: Path) -> str:
    """Return what tells one state of the code from another, wherever it lies."""
    whole = hashlib.sha256()
    for part in PARTS:
        for file in sorted(_files(checkout / part)):
            whole.update(str(file.relative_to(checkout)).encode() + b"\0")
            whole.update(hashlib.sha256(file.read_bytes()).digest())
    whole.update(f"{sys.version_info[:2]}".encode())
    return whole.hexdigest()


class Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=3)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _answers(path: Path, probe: str) -> bool | None:
    """Whether it answers well; None where it does not answer."""
    connection = Unix(path)
    try:
        connection.request("GET", probe)
        response = connection.getresponse()
        return response.status == 200 and json.loads(response.read())["code"] == 0
    except (OSError, http.client.HTTPException):
        return None
    except (ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()


def _prune(machine: Machine) -> None:
    keep = {current(), paths.PREVIOUS.resolve()}
    for release in complete()[KEPT:]:
        if release not in keep:
            machine.remove(release)


def _files(part: Path) -> Iterator[Path]:
    if part.is_file():
        yield part
    for file in part.rglob("*"):
        if file.is_file() and not re.search(r"__pycache__|\.pyc$", str(file)):
            yield file


def _copy(source: Path, target: Path) -> None:
    """Copy code: root's, for all to read, whatever the modes of the checkout are."""
    for file in _files(source):
        to = target / file.relative_to(source) if source.is_dir() else target
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
        to.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
