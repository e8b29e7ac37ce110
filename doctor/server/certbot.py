"""Whether certbot renews the certificate."""

from __future__ import annotations

import re

from doctor import needs
from doctor.certificates import read_certificate
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text, printable
from doctor.this_server import Server


@check(
    "certificate_date",
    fault=Text("the certificate is not renewed automatically", "证书没有自动续期"),
    stops="nothing",
    needs=(needs.https,),
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
    if not target.has_url:
        return _judge_timer(server)
    host = target.url.host
    covered = [_covers(server, each, host) for each in names]
    if True in covered:
        return _judge_timer(server)
    listed = printable(", ".join(names))
    if None in covered:
        timer = _judge_timer(server)
        unread = Text(
            f"only root can read whether certbot renews {host} with {listed}",
            f"只有 root 能读取 {listed} 是否包括 {host}",
        )
        return skip(unread) if timer.status == "ok" else timer
    return warn(
        Text(
            f"certbot renews {listed}, but not {host}",
            f"certbot 续期的是 {listed}，不包括 {host}",
        )
    )


def _covers(server: Server, name: str, host: str) -> bool | None:
    """Return None if it cannot be read."""
    if name == host:
        return True
    file = server.letsencrypt / "live" / name / "fullchain.pem"
    try:
        return read_certificate(file).is_valid_for(host)
    except PermissionError:
        return None
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
        Text(f"{unit}.timer is on, no failed run is known", f"{unit}.timer 已启用，没有失败记录")
    )
