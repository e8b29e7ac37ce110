"""`flask db …`: Flask-Migrate's commands, which fail in one line as ours do."""

import click
from flask_migrate.cli import db

from myapi.cli.command import Command, Group


def _ours(command: click.Command) -> Command:
    return Command(
        command.name, callback=command.callback, params=command.params, help=command.help
    )


group = Group(
    "db",
    callback=db.callback,
    params=db.params,
    help=db.help,
    commands=[_ours(command) for command in db.commands.values()],
)
