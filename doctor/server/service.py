"""The app at its own socket, without the proxy."""

from __future__ import annotations

from doctor.checks import Finding, check, fail, ok, skip
from doctor.network import describe_error
from doctor.outside.connection import START
from doctor.target import Target
from doctor.texts import EMPTY, Text, untranslated
from doctor.this_server import ask_app


@check(
    "gateway",
    "failing",
    fault=Text("the app is not ready", "应用没有就绪"),
    follows=("settings", "database"),
    fix=Text(
        "start the service and read its log: `systemctl status`, `journalctl -u`; /readyz needs"
        " the database, and `flask db upgrade` to have been run",
        "启动服务并查看日志：`systemctl status`、`journalctl -u`；/readyz 需要数据库可用并已执行"
        " `flask db upgrade`",
    ),
)
def app(target: Target) -> Finding:
    """Whether the app answers at its own socket and is ready."""
    bind = target.this_server.bind
    if not bind and target.has_url and target.url.is_development:
        bind = f"{target.url.host}:{target.url.port}"
    if not bind:
        return skip(Text("it is not known where the app listens", "不知道应用监听在哪里"))
    deadline = target.step_deadline()
    replies = {path: ask_app(bind, path, deadline) for path in ("/healthz", "/readyz")}
    for path, reply in replies.items():
        if reply.response is None:
            reason = describe_error(reply.error)
            evidence = Text(f"{bind}: {reason.en}", f"{bind}：{reason.zh}")
            return fail(evidence, START if _in_development(target) else EMPTY)
        if reply.response.status != 200:
            return fail(untranslated(f"{bind}{path}: {reply.response.summary}"))
    return ok(Text(f"{bind} is alive and ready", f"{bind} 存活并就绪"))


def _in_development(target: Target) -> bool:
    """Whether `make run` starts the service: production uses no sandbox."""
    return target.this_server.uses_sandbox or (target.has_url and target.url.is_development)
