"""The commands of `deploy/myapi`."""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import sqlite3
import sys
import time
from pathlib import Path

from deploy.lib import certificate, paths, preflight, releases, steps
from deploy.lib.machine import Machine, RefusedError, as_service, ask

TIMERS = ("myapi-purge.timer", "myapi-backup.timer", "myapi-doctor.timer")


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    os.umask(0o022)
    machine = Machine(dry=given.dry_run)
    try:
        if os.geteuid() != 0:
            raise RefusedError("run it as root: sudo deploy/myapi … · 请用 sudo 运行")
        with Path("/run/myapi-deploy.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RefusedError("another deploy/myapi is at work · 另一个部署正在进行") from None
            status: int = given.command(machine, given) or 0
            return status
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201
        return 1


def up(machine: Machine, given: argparse.Namespace) -> None:
    """Take this server to a live HTTPS API; run again, it changes nothing."""
    domain = given.domain.lower().rstrip(".")
    if not re.fullmatch(
        r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]+", domain
    ):
        raise RefusedError(
            f"{given.domain} is no domain name such as api.example.com · 域名格式不正确"
        )
    if not given.cert and not given.email:
        raise RefusedError(
            "give --email, or your own certificate with --cert and --key · 请给出邮箱或证书"
        )
    direct = not (given.behind or given.cert)
    own = str(steps.site_file())
    for warning in preflight.check(domain, reached_directly=direct, own_file=own):
        say(f"note: {warning}")
    steps.packages(machine, certbot=not given.cert)
    steps.user(machine)
    steps.folders(machine)
    steps.settings(machine, given, os.environ)
    steps.units(machine)
    _release(machine, given)
    steps.enable(machine, "myapi.socket", "myapi.service", *TIMERS)
    steps.nobody(machine)
    _https(machine, given, domain)
    say(steps.firewall(machine, given.ssh_from))
    done = "nothing had to be changed" if not machine.changes else f"{machine.changes} changes"
    say(f"\nhttps://{domain}/api/hello is live; {done}. · 服务已上线。")
    say("In the mini program console, 开发管理 → 开发设置 → 服务器域名 → request 合法域名:")
    say(f"https://{domain}")


def release(machine: Machine, given: argparse.Namespace) -> None:
    """Put this checkout live, if it answers."""
    _installed()
    steps.units(machine)
    _release(machine, given)


def _release(machine: Machine, given: argparse.Namespace) -> None:
    made = releases.make(machine, _packages(given))
    if releases.current() == made and releases.healthy(paths.SOCKET):
        say(f"{made.name} is live already")
        return
    if releases.current() is None:
        steps.enable(machine, "myapi.socket")
    releases.migrate(machine, made)
    releases.go_live(machine, made)
    say(f"{made.name} is live · 已上线")


def rollback(machine: Machine, _given: argparse.Namespace) -> None:
    """Go back to the release before; the database stays as it is, since migrations only add."""
    _installed()
    if not paths.PREVIOUS.exists():
        raise RefusedError("there is no former release · 没有上一个版本")
    former = paths.PREVIOUS.resolve()
    releases.go_live(machine, former)
    say(f"{former.name} is live again · 已回退")


def status(_machine: Machine, _given: argparse.Namespace) -> int:
    """Say what runs."""
    _installed()
    live = releases.current()
    well = releases.healthy(paths.SOCKET)
    say(
        f"release   {live.name if live else 'none'}{'' if well else '  DOES NOT ANSWER · 没有应答'}"
    )
    for unit in ("myapi.socket", "myapi.service", "nginx.service", *TIMERS):
        say(f"{ask('systemctl', 'is-active', unit).stdout.strip():9} {unit}")
    kept = sorted(paths.BACKUPS.glob("*.db"))
    say(f"backups   {len(kept)}{f', the last {kept[-1].name}' if kept else ''}")
    return 0 if well else 2


def backup(machine: Machine, _given: argparse.Namespace) -> None:
    """Copy the database now."""
    _installed()
    file = paths.BACKUPS / f"manual-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
    _flask(machine, f"back up to {file}", "backup", str(file))


def restore(machine: Machine, given: argparse.Namespace) -> None:
    """Put a backup in the place of the database, which is backed up first."""
    _installed()
    problem = _no_backup(given.file)
    if problem:
        raise RefusedError(
            f"{given.file}: {problem}; nothing has been changed · 备份文件不可用，未做改动"
        )
    if not paths.DATABASE.exists():
        raise RefusedError("the database is not SQLite on this machine · 数据库不是本机的 SQLite")
    if not (given.yes or given.dry_run):
        raise RefusedError(
            "what was written since that backup will be gone: say --yes · 请加 --yes 确认"
        )
    data = given.file.read_bytes()
    _flask(
        machine,
        "back up what is there",
        "backup",
        f"{paths.BACKUPS}/before-restore-{int(time.time())}.db",
    )
    machine.run("stop the service", "systemctl", "stop", "myapi.service", "myapi.socket")
    for end in ("-wal", "-shm"):
        machine.remove(Path(f"{paths.DATABASE}{end}"))
    machine.install(paths.DATABASE, data, mode=0o600, owner="myapi:myapi")
    _flask(machine, "bring it up to date", "db", "upgrade")
    machine.run("start the service", "systemctl", "start", "myapi.socket", "myapi.service")
    if not machine.dry and not releases.healthy(paths.SOCKET, patience=30):
        raise RefusedError("the service does not answer: journalctl -u myapi · 服务没有应答")


def uninstall(machine: Machine, given: argparse.Namespace) -> None:
    """Take it off this machine; data, backups and secrets stay, unless `--purge` is given."""
    if not (given.yes or given.dry_run):
        what = "everything, data and secrets too" if given.purge else "the service"
        raise RefusedError(f"this removes {what}: say --yes · 请加 --yes 确认")
    _remove_units(machine)
    machine.remove(steps.site_file())
    known = steps.state()
    if known.get("stock") and not steps.STOCK.exists():
        machine.link(steps.STOCK, Path("/etc/nginx/sites-available/default"))
    if ask("systemctl", "is-active", "nginx").returncode == 0:
        machine.run("have Nginx forget it", "systemctl", "reload", "nginx")
    for path in (paths.WRAPPER, paths.HOOK, paths.OPT, paths.WEBROOT):
        machine.remove(path)
    if not given.purge:
        say(f"kept · 已保留: {paths.ETC}, {paths.DATA}")
        return
    _purge(machine)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _remove_units(machine: Machine) -> None:
    units = steps.unit_files()
    names = [unit.name for unit in units if "@" not in unit.name]
    if any((paths.UNITS / name).exists() for name in names):
        machine.run("stop the units", "systemctl", "disable", "--now", *names)
    for unit in units:
        machine.remove(paths.UNITS / unit.name)
        machine.remove(paths.UNITS / f"{unit.name}.d")
    machine.run("have systemd forget them", "systemctl", "daemon-reload")


def _purge(machine: Machine) -> None:
    known = steps.state()
    if known.get("domain"):
        ask("certbot", "delete", "--non-interactive", "--cert-name", str(known["domain"]))
    machine.remove(paths.ETC)
    machine.remove(paths.DATA)
    if ask("id", "myapi").returncode == 0:
        machine.run("remove the user myapi", "userdel", "myapi")
    if known.get("packages"):
        machine.run(
            "remove the packages that came with it",
            "apt-get",
            "-qq",
            "--yes",
            "purge",
            "--auto-remove",
            *known["packages"],
        )


def _https(machine: Machine, given: argparse.Namespace, domain: str) -> None:
    if given.cert:
        certificate.from_files(machine, domain, given.cert, given.key)
        folder = paths.TLS
    else:
        folder = paths.LIVE / domain
        if not (folder / "fullchain.pem").exists():
            steps.serve(machine, steps.site(domain, None, given.behind))
        if not certificate.from_authority(machine, domain, given.email, given.acme_server):
            return
        steps.remember(machine, domain=domain)
    steps.enable(machine, "nginx.service")
    if not machine.dry:
        steps.serve(machine, steps.site(domain, folder, given.behind))


def _installed() -> None:
    if not (paths.ENV.exists() and paths.UNITS.joinpath("myapi.service").exists()):
        raise RefusedError("myapi is not installed here: deploy/myapi up · 尚未安装")


def _packages(given: argparse.Namespace) -> list[str]:
    """Return where pip gets packages from, as its options."""
    options = ["--index-url", given.index_url] if given.index_url else []
    return [*options, *(["--no-index", "--find-links", str(given.wheels)] if given.wheels else [])]


def _flask(machine: Machine, what: str, *arguments: str) -> None:
    live = releases.current()
    if live is None:
        raise RefusedError("there is no release yet: deploy/myapi up · 尚无版本")
    machine.run(what, *as_service(live, f"{live}/.venv/bin/python", "-m", "flask", *arguments))


def _no_backup(file: Path) -> str | None:
    try:
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        try:
            connection.execute("SELECT version_num FROM alembic_version")
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return "is damaged"
        finally:
            connection.close()
    except sqlite3.Error:
        return "is no backup of myapi"
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy/myapi", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run in (up, status, release, rollback, backup, restore, uninstall):
        one = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        one.set_defaults(command=run)
        one.add_argument("--dry-run", action="store_true", help="only say what would be done")
        one.add_argument("--yes", action="store_true", help="ask nothing")
        if run in (up, release):
            one.add_argument("--wheels", type=Path, metavar="DIR", help="packages from a folder")
            one.add_argument("--index-url", metavar="URL", help="packages from this index")
        if run is up:
            one.add_argument("--domain", required=True)
            one.add_argument("--email", help="for the authority's notices")
            one.add_argument("--acme-server", metavar="URL", help="another authority")
            one.add_argument("--cert", type=Path, metavar="FILE", help="PEM, or a zip with its key")
            one.add_argument("--key", type=Path, metavar="FILE")
            one.add_argument("--database-url", metavar="URL", help="MySQL instead of SQLite")
            one.add_argument("--redis-url", metavar="URL", help="Redis for the rate limits")
            one.add_argument("--ssh-from", action="append", default=[], metavar="ADDRESS")
            one.add_argument(
                "--behind",
                action="append",
                default=[],
                metavar="CIDR",
                help="a load balancer whose word on the address is believed",
            )
        if run is restore:
            one.add_argument("file", type=Path)
        if run is uninstall:
            one.add_argument("--purge", action="store_true", help="data, secrets and packages too")
    return parser
