"""`flask stats`: numbers of users and sessions, and facts about the database."""

import click

from myapi.auth import stats
from myapi.cli import output
from myapi.cli.command import Command
from myapi.cli.options import json_option
from myapi.cli.tables import print_fields


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
        "users": users["total"],
        "  new in 24 hours": users["new_24h"],
        "  new in 7 days": users["new_7d"],
        "  banned": users["banned"],
        "  banned and erased": users["banned_and_erased"],
        "live sessions": sessions["live"],
        "  seen in 24 hours": sessions["seen_24h"],
        "  seen in 7 days": sessions["seen_7d"],
        "sessions to purge": sessions["ended"],
        "database": f"{database['kind']} {database['version']}",
        "  size": output.size(database["size_bytes"]),
        "  revision": database["revision"],
    }
    print_fields({name: str(value) for name, value in lines.items()})
