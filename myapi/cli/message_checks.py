"""The doctor's check of subscribe messages."""

from doctor import Check, Finding, Target, Text, check, ok, warn
from myapi.cli.push_checks import ready_database
from myapi.cli.settings_checks import usable_settings
from myapi.messages import listings


@check(
    "unseen",
    fault=Text("subscribe messages were not sent", "有订阅消息没有发出"),
    stops="nothing",
    needs=(usable_settings, ready_database),
    fix=Text(
        "`flask messages list --state failed` shows the errcode, and `--explain ERRCODE` of this"
        " doctor its meaning. Waiting ones need `flask messages run` on a timer:"
        " myapi-messages.timer, or `flask jobs run`",
        "`flask messages list --state failed` 显示 errcode，本诊断工具的 `--explain ERRCODE`"
        " 说明它的含义。等待中的消息要由定时器运行 `flask messages run`："
        "myapi-messages.timer 或 `flask jobs run`",
    ),
)
def message_backlog(target: Target) -> Finding:
    """Whether messages have failed within a day, or wait for more than an hour."""
    failed, late = listings.backlog()
    if not failed and not late:
        return ok(Text("no message waits", "没有积压的消息"))
    return warn(
        Text(
            f"{failed} failed within a day, {late} waiting for more than an hour",
            f"一天内失败 {failed} 条，等待超过一小时的 {late} 条",
        )
    )


MESSAGE_CHECKS: list[Check] = [message_backlog]
