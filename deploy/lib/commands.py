"""What each command of `deploy/myapi` does, step by step."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from pathlib import Path

from deploy.lib import (
    backups,
    certificate,
    doctor,
    firewall,
    local_servers,
    packages,
    paths,
    preflight,
    releases,
    settings,
    site,
    units,
)
from deploy.lib.machine import Machine, RefusedError, ask
from deploy.lib.state import remember, state

DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]+")
VERDICTS = (
    "The doctor finds nothing wrong. · 体检通过。",
    "The doctor has warnings, see above. · 体检有警告，见上。",
    "THE DOCTOR FINDS WHAT MAKES PHONES FAIL, see above. · 体检发现问题，手机端会失败，见上。",
)


def up(machine: Machine, given: Namespace) -> None:
    """Take this server to a live HTTPS API; run again, it changes nothing."""
    domain = _domain(given)
    _preflight(domain, given)
    for kept in settings.kept_instead(given):
        say(f"note: {kept}")
    account = settings.account(os.environ)
    database_url = settings.secret("database_url") or given.database_url or ""
    redis_url = settings.secret("rate_limit_storage_url") or given.redis_url or ""
    servers = local_servers.packages(database_url, redis_url)
    packages.install(machine, *servers, certbot=not given.cert)
    settings.user(machine)
    settings.folders(machine)
    settings.write(machine, account, given, os.environ)
    local_servers.prepare(machine, database_url)
    units.install(machine)
    _release(machine, given)
    units.enable(machine, "myapi.socket", "myapi.service", *units.TIMERS)
    site.nobody(machine)
    folder = _https(machine, given, domain)
    doctor.install(machine, domain, folder)
    say(firewall.open_ports(machine, given.ssh_from))
    _conclude(machine, domain, folder)


def release(machine: Machine, given: Namespace) -> None:
    """Put this checkout live, if it answers."""
    _installed()
    units.install(machine)
    _release(machine, given)


def rollback(machine: Machine, _given: Namespace) -> None:
    """Go back to the release before; the database stays as it is, since migrations only add."""
    _installed()
    if not paths.PREVIOUS.exists():
        raise RefusedError("there is no former release · 没有上一个版本")
    former = paths.PREVIOUS.resolve()
    if former == releases.current() and releases.serves(former):
        raise RefusedError("the former release is what runs · 当前运行的就是上一个版本")
    releases.go_live(machine, former)
    say(f"{former.name} is live again · 已回退")


def status(_machine: Machine, _given: Namespace) -> int:
    """Say what runs."""
    _installed()
    live = releases.current()
    well = releases.healthy(paths.SOCKET)
    say(
        f"release   {live.name if live else 'none'}{'' if well else '  DOES NOT ANSWER · 没有应答'}"
    )
    for unit in ("myapi.socket", "myapi.service", "nginx.service", *units.TIMERS):
        say(f"{ask('systemctl', 'is-active', unit).stdout.strip():9} {unit}")
    kept = backups.kept()
    say(f"backups   {len(kept)}{f', the last {kept[-1].name}' if kept else ''}")
    return 0 if well else 2


def backup(machine: Machine, _given: Namespace) -> None:
    """Copy the database now."""
    backups.make(machine, _live(), "manual")


def restore(machine: Machine, given: Namespace) -> None:
    """Put a backup in the place of the database, which is backed up first."""
    live = _live()
    if not given.file.is_file():
        raise RefusedError(f"{given.file} is no file · 文件不存在")
    if not (given.yes or given.dry_run):
        raise RefusedError(
            "what was written since that backup will be gone, and every session ended: say --yes"
            " · 备份之后的数据会丢失，所有会话会结束：请加 --yes 确认"
        )
    backups.restore(machine, live, given.file)
    if not machine.dry and not releases.healthy(paths.SOCKET, patience=30):
        raise RefusedError("the service does not answer: journalctl -u myapi · 服务没有应答")
    say(
        f"{given.file} is restored; phones log in anew by themselves · 已恢复，手机端会自动重新登录"
    )


def uninstall(machine: Machine, given: Namespace) -> None:
    """Take it off this machine; data, backups and secrets stay, unless `--purge` is given."""
    if not (given.yes or given.dry_run):
        what = "everything, data and secrets too" if given.purge else "the service"
        raise RefusedError(f"this removes {what}: say --yes · 请加 --yes 确认")
    units.remove(machine)
    machine.remove(site.file())
    if "welcome" in state() and not packages.WELCOME.exists() and not given.purge:
        machine.link(packages.WELCOME, Path("/etc/nginx/sites-available/default"))
    if ask("systemctl", "is-active", "nginx").returncode == 0:
        machine.run("have Nginx forget it", "systemctl", "reload", "nginx")
    for path in (paths.HOOK, paths.OPT, paths.WEBROOT):
        machine.remove(path)
    if not given.purge:
        say(f"kept · 已保留: {paths.ETC}, {paths.DATA}")
        return
    if domain := state().get("domain"):
        ask("certbot", "delete", "--non-interactive", "--cert-name", str(domain))
    local_servers.purge(machine)
    packages.purge(machine)
    machine.remove(paths.DATA)
    if ask("id", "myapi").returncode == 0:
        machine.run("remove the user myapi", "userdel", "myapi")
    machine.remove(paths.ETC)  # last: it tells what was done, should this be cut short


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _domain(given: Namespace) -> str:
    domain: str = given.domain.lower().rstrip(".")
    if not DOMAIN.fullmatch(domain):
        raise RefusedError(
            f"{given.domain} is no domain name such as api.example.com · 域名格式不正确"
        )
    if not given.cert and not given.email:
        raise RefusedError(
            "give --email, or your own certificate with --cert and --key · 请给出邮箱或证书"
        )
    return domain


def _preflight(domain: str, given: Namespace) -> None:
    problems = [
        *local_servers.problems(given.database_url, given.redis_url),
        *firewall.problems(given.ssh_from),
        *preflight.networks(given.behind),
        *(certificate.problems(domain, given.cert, given.key) if given.cert else ()),
    ]
    direct = not (given.behind or given.cert)
    own = str(site.file())
    for warning in preflight.check(domain, problems, reached_directly=direct, own_file=own):
        say(f"note: {warning}")


def _release(machine: Machine, given: Namespace) -> None:
    made = releases.make(machine, _sources(machine, given))
    if releases.current() == made and releases.serves(made):
        say(f"{made.name} is live already")
        return
    if releases.current() is None:
        units.enable(machine, "myapi.socket")
    releases.migrate(machine, made)
    releases.go_live(machine, made)
    say(f"{made.name} is live · 已上线")


def _sources(machine: Machine, given: Namespace) -> list[str]:
    """Return where pip gets packages from, as its options; what was said once stays said."""
    if given.wheels:
        return ["--no-index", "--find-links", str(given.wheels.resolve())]
    if given.index_url:
        remember(machine, index_url=given.index_url)
    index = state().get("index_url")
    return ["--index-url", index] if index else []


def _https(machine: Machine, given: Namespace, domain: str) -> Path:
    """Have a certificate and Nginx with it; return the certificate's folder."""
    if given.cert:
        certificate.from_files(machine, given.cert, given.key)
        folder = paths.TLS
    else:
        folder = paths.LIVE / domain
        if not (folder / "fullchain.pem").exists() and not machine.dry:
            site.serve(machine, site.text(domain, None, given.behind))
        remember(machine, domain=domain)
        certificate.from_authority(machine, domain, given.email, given.acme_server)
    units.enable(machine, "nginx.service")
    if not machine.dry:
        own = (folder / "fullchain.pem").read_text() if given.cert else ""  # certbot's has a hook
        site.serve(machine, site.text(domain, folder, given.behind), own)
    return folder


def _conclude(machine: Machine, domain: str, folder: Path) -> None:
    done = "nothing had to be changed" if not machine.changes else f"{machine.changes} changes"
    if machine.dry:
        say(f"\nthis is what would be done: {done} · 以上是将要执行的操作")
        return
    verdict = doctor.examine(_live(), domain, folder)
    say(f"\n{VERDICTS[min(verdict, 2)]}")
    say(f"https://{domain}/api/hello is live; {done}. · 服务已上线。")
    say("In the mini program console, 开发管理 → 开发设置 → 服务器域名 → request 合法域名:")
    say(f"https://{domain}")


def _live() -> Path:
    _installed()
    live = releases.current()
    if live is None:
        raise RefusedError("there is no release yet: deploy/myapi up · 尚无版本")
    return live


def _installed() -> None:
    if not (paths.ENV.exists() and paths.UNITS.joinpath("myapi.service").exists()):
        raise RefusedError("myapi is not installed here: deploy/myapi up · 尚未安装")
