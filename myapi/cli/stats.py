"""`flask stats`: numbers of users and sessions, and facts about the database."""

import click

from myapi.auth import stats
from myapi.cli import output
from myapi.cli.command import Command
from myapi.cli.options import json_option
from myapi.cli.tables import print_fields
from myapi.language import localized


@click.command("stats", cls=Command)
@json_option()
def command(as_json: bool) -> None:
    """Count users and sessions, and describe the database."""
    figures = stats.gather()
    if as_json:
        output.print_json(figures)
        return
    users, sessions, database = (figures[name] for name in ("users", "sessions", "database"))
    lines = {
        localized("users", "用户"): users["total"],
        localized("  new in 24 hours", "  24 小时内新增"): users["new_24h"],
        localized("  new in 7 days", "  7 天内新增"): users["new_7d"],
        localized("  banned", "  已封禁"): users["banned"],
        localized("  banned and erased", "  已封禁且已注销"): users["banned_and_erased"],
        localized("live sessions", "有效会话"): sessions["live"],
        localized("  seen in 24 hours", "  24 小时内活跃"): sessions["seen_24h"],
        localized("  seen in 7 days", "  7 天内活跃"): sessions["seen_7d"],
        localized("sessions to purge", "待清理的会话"): sessions["ended"],
        localized("database", "数据库"): f"{database['kind']} {database['version']}",
        localized("  size", "  大小"): output.size(database["size_bytes"]),
        localized("  revision", "  版本"): database["revision"],
    }
    print_fields({name: str(value) for name, value in lines.items()})
