"""The steps of each command of `deploy/myapi`."""

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
    limits,
    local_servers,
    packages,
    paths,
    preflight,
    releases,
    remembered,
    secret_options,
    settings,
    site,
    sockets,
    surroundings,
    units,
)
from deploy.lib.health import healthy
from deploy.lib.language import said
from deploy.lib.machine import DeployError, Machine, capture
from deploy.lib.state import read_state, record

DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]+")
DOCTOR_VERDICTS = (
    ("The doctor found no problems.", "诊断通过。"),
    ("The doctor found warnings, see above: exit code 1.", "诊断有警告，见上；退出码为 1。"),
    (
        "THE DOCTOR FOUND PROBLEMS THAT BREAK PHONES, see above: exit code 2.",
        "诊断发现问题，手机会失败，见上；退出码为 2。",
    ),
)


def up(machine: Machine, options: Namespace) -> int:
    """Turn this server into a live HTTPS API. Safe to repeat: a second run changes nothing.

    Exit code: 0, 1 or 2 as the doctor found no problems, warnings or failures.
    """
    remembered.fill_in(options)
    for note in secret_options.fill_in(options, os.environ):
        show(note)
    domain = options.domain = _domain(options)
    _preflight(domain, options)
    for warning in settings.ignored_options(options):
        show(said("note: ", "注意：") + warning)
    variables = secret_options.wechat_variables(options, os.environ)
    account = settings.wechat_account(variables, ask=not machine.dry_run)
    database_url = settings.read_secret("database_url") or options.database_url or ""
    redis_url = settings.read_secret("rate_limit_storage_url") or options.redis_url or ""
    servers = local_servers.missing_packages(database_url, redis_url)
    packages.install(machine, *servers, certbot=not remembered.own_certificate(options))
    settings.ensure_user(machine)
    settings.ensure_folders(machine)
    settings.write_once(machine, account, options, os.environ)
    if different := settings.ensure_public_url(machine, domain):
        show(said("note: ", "注意：") + different)
    local_servers.create_database(machine, database_url)
    _deploy_checkout(machine, options)
    units.enable(machine, "myapi.socket", "myapi.service", *units.timers())
    site.ensure_placeholder_certificate(machine)
    folder = _enable_https(machine, options, domain)
    record(machine, ssh_from=options.ssh_from, acme_server=options.acme_server)
    show(firewall.open_ports(machine, options.ssh_from))
    _show_socket_notes()
    return _show_result(machine, domain, folder)


def release(machine: Machine, options: Namespace) -> None:
    """Deploy this checkout. It goes live only if it answers its health checks."""
    _require_installation()
    _deploy_checkout(machine, options)
    _show_socket_notes()


def rollback(machine: Machine, _options: Namespace) -> None:
    """Switch back to the previous release. The database stays: migrations only add."""
    _require_installation()
    if not paths.PREVIOUS.exists():
        raise DeployError(said("there is no previous release", "没有上一个版本"))
    previous = paths.PREVIOUS.resolve()
    if previous == releases.current() and releases.is_serving(previous):
        # A run was killed between its two links, and which was the previous one is lost.
        others = [release for release in releases.complete() if release != previous]
        if not others:
            raise DeployError(
                said("the previous release is already live", "当前运行的就是上一个版本")
            )
        previous = others[0]
    releases.go_live(machine, previous)
    show(said(f"{previous.name} is live again", f"已回退到 {previous.name}"))
    _show_socket_notes()


def status(_machine: Machine, _options: Namespace) -> int:
    """Show the live release, the state of the units, and the number of backups."""
    _require_installation()
    live = releases.current()
    answers = healthy(paths.SOCKET)
    name = live.name if live else said("none", "无")
    show(
        said("release   ", "版本      ")
        + name
        + ("" if answers else said("  DOES NOT ANSWER", "  没有响应"))
    )
    timers = sorted(name for name in units.known() if name.endswith(".timer"))
    present = [name for name in timers if (paths.UNITS / name).exists()]
    for unit in ("myapi.socket", "myapi.service", "nginx.service", *present):
        show(f"{capture('systemctl', 'is-active', unit).stdout.strip():9} {unit}")
    existing = backups.existing()
    latest = (
        said(f", latest {existing[-1].name}", f"，最新 {existing[-1].name}") if existing else ""
    )
    show(said("backups   ", "备份      ") + f"{len(existing)}{latest}")
    return 0 if answers else 2


def backup(machine: Machine, _options: Namespace) -> None:
    """Back up the database now."""
    backups.create(machine, _live_release(), "manual")


def restore(machine: Machine, options: Namespace) -> None:
    """Replace the database with a backup, after backing up the current one."""
    live = _live_release()
    if not options.file.is_file():
        raise DeployError(said(f"{options.file} is not a file", f"{options.file} 不是文件"))
    if not (options.yes or options.dry_run):
        raise DeployError(
            said(
                "this discards everything written since that backup and ends every session:"
                " confirm with --yes",
                "备份之后的数据会丢失，所有会话会结束：请加 --yes 确认",
            )
        )
    try:
        backups.restore(machine, live, options.file)
    except DeployError as error:
        if not healthy(paths.SOCKET, timeout=30):
            raise
        raise DeployError(
            f"{error}\n"
            + said("the service runs, on the database as it was", "服务正常，数据库未被改动")
        ) from None
    if not machine.dry_run and not healthy(paths.SOCKET, timeout=30):
        raise DeployError(
            said(
                "the service does not answer: journalctl -u myapi",
                "服务没有响应：journalctl -u myapi",
            )
        )
    show(
        said(
            f"{options.file} is restored; phones log in again by themselves",
            f"已恢复 {options.file}，手机会自动重新登录",
        )
    )


def uninstall(machine: Machine, options: Namespace) -> None:
    """Remove myapi from this server. Data, backups and secrets stay unless `--purge` is given."""
    if not (options.yes or options.dry_run):
        what = said("the service", "服务")
        if options.purge:
            what = said("everything, including data and secrets", "全部内容，包括数据和密钥")
        raise DeployError(
            said(f"this removes {what}: confirm with --yes", f"将移除{what}：请加 --yes 确认")
        )
    units.remove(machine)
    machine.remove(site.config_file())
    if "welcome" in read_state() and not packages.WELCOME_SITE.exists() and not options.purge:
        machine.link(packages.WELCOME_SITE, Path("/etc/nginx/sites-available/default"))
    if capture("systemctl", "is-active", "nginx").returncode == 0:
        machine.run(
            said("reload Nginx without myapi", "重新加载不含 myapi 的 Nginx 配置"),
            "systemctl",
            "reload",
            "nginx",
        )
    for path in (paths.HOOK, paths.OPT, paths.WEBROOT):
        machine.remove(path)
    if not options.purge:
        show(said(f"kept: {paths.ETC}, {paths.DATA}", f"已保留：{paths.ETC}、{paths.DATA}"))
        return
    certificate.delete_own(machine)
    local_servers.drop_database(machine)
    packages.purge(machine)
    machine.remove(paths.DATA)
    settings.remove_user(machine)
    machine.remove(paths.ETC)  # last: it holds the record that an interrupted purge needs


def show(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _domain(options: Namespace) -> str:
    if not options.domain:
        raise DeployError(
            said("give --domain, such as api.example.com", "请给出 --domain，例如 api.example.com")
        )
    domain: str = options.domain.lower().rstrip(".")
    if not DOMAIN.fullmatch(domain):
        raise DeployError(
            said(
                f"{options.domain} is not a domain name like api.example.com",
                f"{options.domain} 不是 api.example.com 这样的域名",
            )
        )
    if not (options.cert or options.email or remembered.certificate(options, domain)):
        raise DeployError(
            said(
                "give --email, or your own certificate with --cert and --key",
                "请给出 --email，或用 --cert 和 --key 给出你自己的证书",
            )
        )
    return domain


def _preflight(domain: str, options: Namespace) -> None:
    problems = [
        *local_servers.problems(options.database_url, options.redis_url),
        *local_servers.access_problems(
            settings.read_secret("database_url") or options.database_url or ""
        ),
        *firewall.problems(options.ssh_from),
        *preflight.check_networks(options.behind),
        *limits.problems(),
        *(certificate.problems(domain, options.cert, options.key) if options.cert else ()),
    ]
    reached_directly = not (options.behind or remembered.own_certificate(options))
    for warning in preflight.check(
        domain, problems, reached_directly=reached_directly, own_file=str(site.config_file())
    ):
        show(said("note: ", "注意：") + warning)


def _deploy_checkout(machine: Machine, options: Namespace) -> None:
    limits.read()  # a wrong one is refused before anything is built
    built = releases.build(machine, _pip_options(machine, options))
    if releases.current() == built and releases.is_serving(built):
        surroundings.install(machine, built)
        show(said(f"{built.name} is live already", f"{built.name} 已经在运行"))
        return
    if releases.current() is None:
        surroundings.prepare(machine, built)
        units.enable(machine, "myapi.socket")
    releases.migrate(machine, built)
    releases.go_live(machine, built)
    show(said(f"{built.name} is live", f"{built.name} 已上线"))


def _show_socket_notes() -> None:
    for note in sockets.notes():
        show(said("note: ", "注意：") + note)


def _pip_options(machine: Machine, options: Namespace) -> list[str]:
    """Return pip's options for the package source. `--index-url` is remembered for later runs."""
    if options.wheels:
        return ["--no-index", "--find-links", str(options.wheels.resolve())]
    if options.index_url:
        record(machine, index_url=options.index_url)
    index = read_state().get("index_url")
    return ["--index-url", index] if index else []


def _enable_https(machine: Machine, options: Namespace, domain: str) -> Path:
    """Install a certificate and the Nginx site that uses it; return the certificate's folder.

    A site that is there already stays as it is until the certificate authority has agreed.
    """
    folder = remembered.certificate(options, domain) or paths.LIVE / domain
    if options.cert:
        certificate.install_own(machine, options.cert, options.key)
        folder = paths.TLS
    elif folder != paths.TLS:
        if not (folder / "fullchain.pem").exists() and not machine.dry_run:
            site.install_for_challenges(machine, domain, options.behind)
        record(machine, domain=domain)
        certificate.request(machine, domain, options.email, options.acme_server)
    units.enable(machine, "nginx.service")
    if not machine.dry_run:
        site.install_live(machine, site.LiveSite(domain, folder, tuple(options.behind)))
        surroundings.install(machine, _live_release())
    return folder


def _show_result(machine: Machine, domain: str, folder: Path) -> int:
    changes = said("nothing had to be changed", "没有需要改动的地方")
    if machine.changes:
        changes = said(f"{machine.changes} changes", f"{machine.changes} 处改动")
    if machine.dry_run:
        show("\n" + said(f"This was a dry run: {changes}", f"以上是将要执行的操作：{changes}"))
        return 0
    found = doctor.run(_live_release(), domain, folder)
    exit_code = found if found in {0, 1} else 2
    url = f"https://{domain}/api/hello"
    show("\n" + said(f"{url} is live; {changes}.", f"{url} 已上线；{changes}。"))
    place = "开发管理 → 开发设置 → 服务器域名"
    lists = "request 合法域名", "uploadFile 合法域名"
    show(
        said(
            f"In the mini program console, {place}, enter it in both lists, {' and '.join(lists)}:",
            f"在小程序后台的 {place} 中，{'和'.join(lists)}都要填写：",
        )
    )
    show(f"https://{domain}")
    show("\n" + said(*DOCTOR_VERDICTS[exit_code]))
    return exit_code


def _live_release() -> Path:
    _require_installation()
    live = releases.current()
    if live is None:
        raise DeployError(
            said("there is no release yet: deploy/myapi up", "还没有版本：deploy/myapi up")
        )
    return live


def _require_installation() -> None:
    if not (paths.ENV.exists() and paths.UNITS.joinpath("myapi.service").exists()):
        raise DeployError(
            said("myapi is not installed here: deploy/myapi up", "尚未安装：deploy/myapi up")
        )
