"""`flask db …`: Flask-Migrate's commands, which fail in one line as ours do, and `copy`."""

from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask_migrate.cli import db

from myapi.cli import output
from myapi.cli.command import Command, Group
from myapi.db import migrate
from myapi.db.copy import CopyError, RefusedError, copy_database
from myapi.extensions import settings
from myapi.settings import parsers


def _ours(command: click.Command) -> Command:
    def run(**options: Any) -> Any:  # noqa: ANN401
        migrate.init_app(current_app._get_current_object())  # type: ignore[attr-defined]
        return command.callback and command.callback(**options)

    return Command(command.name, callback=run, params=command.params, help=command.help)


group = Group(
    "db",
    callback=db.callback,
    params=db.params,
    help=db.help,
    commands=[_ours(command) for command in db.commands.values()],
)


@group.command()
@click.option("--to", "url", metavar="URL", help="The target, as MYAPI_DATABASE_URL is written.")
@click.option(
    "--to-file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that holds the URL: whoever lists processes sees what --to is given.",
)
def copy(url: str | None, file: Path | None) -> None:
    """Copy the whole database into another one, such as SQLite into MySQL.

    Stop the service first, and whatever else writes. The target is an empty database: it is
    migrated, filled, and in the end all rows of both are compared. Stopped in the middle, the
    command is run again: it goes on, and puts right what has changed since. When it says that
    both hold the same, set MYAPI_DATABASE_URL to the target and start the service.

    The stored secrets stay sealed: the target needs the same MYAPI_SECRET_KEYS.
    """
    if (url is None) == (file is None):
        raise click.UsageError("say one of --to URL and --to-file FILE")
    given = url if file is None else file.read_text(encoding="utf-8", errors="replace")
    try:
        target = parsers.database_url(str(given).strip())
    except ValueError as error:
        raise click.UsageError(f"the target {error}") from None
    try:
        checksums = copy_database(settings().database_url, target, output.progress)
    except (CopyError, RefusedError) as error:
        output.progress("")
        raise click.ClickException(output.safe(str(error))) from None
    output.progress("")
    for name, table in checksums.items():
        output.print_line(f"{name}: {output.count(table.rows, 'row')}, SHA-256 {table.digest[:16]}")
    output.print_line("both hold the same")
