"""Whether certbot renews the certificate."""

from __future__ import annotations

import re

from doctor.certificates import read_certificate
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text, printable
from doctor.this_server import Server


@check(
    "certificate_date",
    fix=Text(
        "`certbot renew --dry-run` says what is wrong; `systemctl enable --now certbot.timer`"
        " makes it run automatically",
        "`certbot renew --dry-run` 会说明问题；`systemctl enable --now certbot.timer` 让它自动运行",
    ),
)
def renewal(target: Target) -> Finding:
    """Whether the certificate is renewed automatically, and the last run succeeded."""
    server = target.this_server
    try:
        names = sorted(file.stem for file in (server.letsencrypt / "renewal").glob("*.conf"))
    except OSError as error:
        return skip(describe_error(error))
    if not names:
        return skip(
            Text(
                "no certbot here, so it is not known what renews the certificate",
                "本机没有 certbot：无法得知由谁、何时续期",
            )
        )
    if target.has_url and not any(_covers(server, each, target.url.host) for each in names):
        listed = printable(", ".join(names))
        return warn(
            Text(
                f"certbot renews {listed}, but not {target.url.host}",
                f"certbot 续期的是 {listed}，不包括 {target.url.host}",
            )
        )
    return _judge_timer(server)


def _covers(server: Server, name: str, host: str) -> bool:
    if name == host:
        return True
    file = server.letsencrypt / "live" / name / "fullchain.pem"
    try:
        return read_certificate(file).is_valid_for(host)
    except PermissionError:  # only root can read it: no reason to complain
        return True
    except (OSError, ValueError):
        return False


def _judge_timer(server: Server) -> Finding:
    try:
        timers = server.run("systemctl", "list-timers", "--all", "--no-legend", "--no-pager")
        units = re.findall(r"(\S*(?:cert|renew|acme)\S*)\.timer", timers)
        if not units:
            return fail(Text("no timer runs certbot", "没有定时器运行 certbot"))
        unit = units[0]
        last_run = server.run("systemctl", "show", f"{unit}.service", "-p", "Result")
        state = server.run("systemctl", "show", f"{unit}.timer", "-p", "ActiveState")
    except OSError as error:
        reason = describe_error(error)
        return skip(Text(f"systemctl: {reason.en}", f"systemctl：{reason.zh}"))
    if "ActiveState=active" not in state:
        return fail(Text(f"{unit}.timer is off", f"{unit}.timer 没有启用"))
    result = printable(last_run.partition("Result=")[2], 40)
    if result not in ("success", ""):
        return fail(
            Text(f"the last run of {unit} failed: {result}", f"{unit} 上次运行失败：{result}")
        )
    return ok(
        Text(f"{unit}.timer is on, its last run succeeded", f"{unit}.timer 已启用，上次运行正常")
    )
