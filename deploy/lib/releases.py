"""Releases: built beside the live one, tested as a canary, then switched to atomically."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.lib import backups, paths, surroundings
from deploy.lib.health import healthy
from deploy.lib.language import said
from deploy.lib.machine import DeployError, Machine, capture, flask_command

OWN = "app"  # the team's own code, where there is some
PARTS = (
    *("myapi", "doctor", "migrations", "deploy", OWN),
    *("gunicorn.conf.py", "wsgi.py", "requirements.txt"),
)
COMPILED = re.compile(r"__pycache__|\.pyc$")
NOT_RELEASED = re.compile(rf"{OWN}/(tests/|(.*/)?\.)")  # its tests, and hidden files
KEEP = 5  # releases and backups
SWITCH_TIMEOUT = 12  # seconds until the live release must answer; queued requests wait for 25
COMPLETE = ".complete"  # holds the digest of the code; without it, the release is unfinished
STARTED = "ExecMainStartTimestampMonotonic"  # microseconds


def build(machine: Machine, pip_options: list[str]) -> Path:
    """Build a release of this checkout, with its own virtual environment, unless it exists."""
    wanted = digest(paths.CHECKOUT)
    for release in complete():
        if (release / COMPLETE).read_text("utf-8") == wanted:
            return release
    release = paths.RELEASES / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{wanted[:8]}"
    for unfinished in paths.RELEASES.glob("2*"):
        if not (unfinished / COMPLETE).exists():
            machine.remove(unfinished)
    if machine.announce(said(f"copy this checkout to {release}", f"把代码复制到 {release}")):
        for file in _files(paths.CHECKOUT):
            _copy(file, release / file.relative_to(paths.CHECKOUT))
    _install(machine, release, pip_options)
    if not machine.dry_run:
        _mark_complete(release, wanted)
    return release


def _mark_complete(release: Path, digest_of_code: str) -> None:
    """Mark a release once all of it is on the disk: after a power cut the mark must not lie."""
    os.sync()
    draft = release / f"{COMPLETE}.new"
    with draft.open("w", encoding="utf-8") as file:
        file.write(digest_of_code)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(release / COMPLETE)


def _install(machine: Machine, release: Path, pip_options: list[str]) -> None:
    """Make the release's virtual environment, and compile its code."""
    python = str(release / ".venv/bin/python")
    machine.run(
        said("create its virtual environment", "创建它的虚拟环境"),
        "python3",
        "-m",
        "venv",
        f"{release}/.venv",
    )
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    packages = ["-r", f"{release}/requirements.txt"]
    code = [f"{release}/myapi", f"{release}/doctor"]
    if (paths.CHECKOUT / OWN / "requirements.txt").exists():
        packages += ["-r", f"{release}/{OWN}/requirements.txt"]
    if (paths.CHECKOUT / OWN / "__init__.py").exists():
        code.append(f"{release}/{OWN}")
    machine.run(
        said("install its Python packages", "安装它的 Python 包"), *install, *pip_options, *packages
    )
    machine.run(said("compile its code", "编译它的代码"), python, "-m", "compileall", "-q", *code)


def complete() -> list[Path]:
    """Return the finished releases, newest first."""
    return sorted((mark.parent for mark in paths.RELEASES.glob(f"*/{COMPLETE}")), reverse=True)


def current() -> Path | None:
    return paths.CURRENT.resolve() if paths.CURRENT.exists() else None


def migrate(machine: Machine, release: Path) -> None:
    """Apply the release's migrations, after a backup.

    A database that needs none, or that is newer (after a rollback), is left as it is.
    """
    if not machine.dry_run and not _needs_migration(release):
        return
    if live := current():
        backups.create(machine, live, f"before-{release.name}")
        backups.prune(machine, backups.BEFORE_RELEASE, KEEP)
    machine.run(
        said("apply the database migrations", "执行数据库迁移"),
        *flask_command(release, "db", "upgrade"),
    )


def _needs_migration(release: Path) -> bool:
    """Whether the database is behind. Raises if the release cannot tell.

    So a release that cannot even be imported makes no backup, which would push out an older one.
    """
    told = capture(*flask_command(release, "db", "state"))
    last = told.stdout.strip().rpartition("\n")[2]  # own code may print something as well
    state = last.partition(":")[0]
    if told.returncode or state not in {"behind", "current", "newer"}:
        raise DeployError(
            said(
                f"{release.name} cannot read the database and did not go live",
                f"{release.name} 无法读取数据库，未上线",
            )
            + f"\n{(told.stdout + told.stderr).strip()[-3000:]}"
        )
    return state == "behind"


def go_live(machine: Machine, release: Path) -> None:
    """Test the release, switch to it, and switch back if it does not answer then.

    Nginx's file and the units are switched with it. If Nginx rejects its file, the release does not
    go live: phones would call it through rules that were made for another one.
    """
    fallback = current()
    if fallback == release and is_serving(release):
        surroundings.install(machine, release)
        return
    interrupted = fallback == release and not _runs(release) and not machine.dry_run
    if interrupted and paths.PREVIOUS.exists():
        fallback = paths.PREVIOUS.resolve()  # a run was interrupted between switch and restart
    _try_out(machine, release)
    previous = paths.PREVIOUS.resolve() if paths.PREVIOUS.exists() else None
    if fallback and fallback != release:
        machine.link(paths.PREVIOUS, fallback)
    machine.link(paths.CURRENT, release)
    _restart(machine, said("restart the service", "重启服务"))
    if machine.dry_run or healthy(paths.SOCKET, timeout=SWITCH_TIMEOUT):
        surroundings.finish(machine, release)
        _prune(machine)
        return
    log = capture("journalctl", "-u", "myapi.service", "-n", "20", "-o", "cat", "--no-pager").stdout
    if fallback is None or fallback == release or not fallback.exists():
        raise DeployError(said("the release does not answer", "新版本没有响应") + f":\n{log}")
    machine.link(paths.CURRENT, fallback)
    if previous and previous != fallback:
        machine.link(paths.PREVIOUS, previous)
    surroundings.prepare(machine, fallback)
    _restart(machine, said("go back to the previous release", "退回上一个版本"))
    if healthy(paths.SOCKET, timeout=30):
        outcome = said("answers again", "恢复响应")
    else:
        outcome = said("DOES NOT ANSWER EITHER", "也没有响应")
    _take_back_surroundings(machine, fallback)
    raise DeployError(
        said(
            f"{release.name} did not answer; {fallback.name} {outcome}",
            f"{release.name} 没有响应，已退回 {fallback.name}，它{outcome}",
        )
        + f"\n{log}"
    )


def _try_out(machine: Machine, release: Path) -> None:
    """Start the release as a canary, and let Nginx test its file. What failed is taken back."""
    try:
        surroundings.prepare(machine, release)
        run_canary(machine, release)
        surroundings.install_site(machine, release)
    except (DeployError, KeyboardInterrupt):
        if live := current():
            _take_back_surroundings(machine, live)
        raise


def _take_back_surroundings(machine: Machine, live: Path) -> None:
    """Write those of the release that stays live. The error that led here is the one to show."""
    try:
        surroundings.install(machine, live)
    except DeployError as error:
        print(error, file=sys.stderr)  # noqa: T201


def _restart(machine: Machine, change: str) -> None:
    """Restart the service. The caller checks its health: it may start and yet not answer."""
    if machine.announce(change):
        capture("systemctl", "restart", "myapi.service")


def is_serving(release: Path) -> bool:
    """Return whether this release is the one running, with the present settings, and healthy.

    `current` alone is no proof.
    """
    uptime = capture("systemctl", "show", "-P", STARTED, "myapi.service").stdout.strip()
    started = time.time() - time.monotonic() + int(uptime or 0) / 1e6
    settings_changed = paths.ENV.exists() and paths.ENV.stat().st_mtime > started
    return _runs(release) and not settings_changed and healthy(paths.SOCKET)


def _runs(release: Path) -> bool:
    pid = capture("systemctl", "show", "-P", "MainPID", "myapi.service").stdout.strip()
    try:
        return Path(f"/proc/{pid}/cwd").resolve() == release
    except OSError:
        return False


def run_canary(machine: Machine, release: Path) -> None:
    """Start the release on a socket of its own; raise if it does not answer there."""
    unit = f"myapi-canary@{release.name}.service"
    if not machine.announce(said(f"start {release.name} as a canary", f"试运行 {release.name}")):
        return
    capture("systemctl", "stop", "myapi-canary@*.service")  # of a run that was killed
    try:
        started = capture("systemctl", "start", unit)
        answers = started.returncode == 0 and healthy(paths.CANARY, timeout=20)
        log = capture("journalctl", "-u", unit, "-n", "20", "-o", "cat", "--no-pager").stdout
    finally:  # after Ctrl-C too
        capture("systemctl", "stop", unit)
        capture("systemctl", "reset-failed", unit)
    if not answers:
        raise DeployError(
            said(
                f"{release.name} does not answer and did not go live",
                f"{release.name} 没有响应，未上线",
            )
            + f"\n{log}"
        )


def digest(checkout: Path) -> str:
    """Return a digest of the code and of the Python version; the checkout's path is not part."""
    whole = hashlib.sha256()
    for file in _files(checkout):
        whole.update(str(file.relative_to(checkout)).encode() + b"\0")
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    whole.update(f"{sys.version_info[:2]}".encode())
    return whole.hexdigest()


def _prune(machine: Machine) -> None:
    keep = {current(), paths.PREVIOUS.resolve()}
    for release in complete()[KEEP:]:
        if release not in keep:
            machine.remove(release)


def _files(checkout: Path) -> Iterator[Path]:
    """Yield the files of a checkout that a release has."""
    for part in PARTS:
        if (checkout / part).is_file():
            yield checkout / part
        for file in sorted((checkout / part).rglob("*")):
            name = file.relative_to(checkout).as_posix()
            if file.is_file() and not (COMPILED.search(name) or NOT_RELEASED.match(name)):
                yield file


def _copy(source: Path, target: Path) -> None:
    """Copy code so that everybody can read it, whatever the modes in the checkout are."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
