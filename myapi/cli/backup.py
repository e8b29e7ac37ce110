"""`flask backup PATH` and `flask restore PATH`: a copy of the whole database, and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from myapi.auth import sessions
from myapi.cli import files, output
from myapi.cli.command import Command
from myapi.cli.options import ask
from myapi.cli.options import yes as yes_option
from myapi.db import backup
from myapi.db.backup import BackupError


@click.command("backup", cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> None:
    """Copy the database to PATH, a new file that only you can read.

    The service goes on meanwhile. The copy is complete and of one moment: of SQLite a database, of
    MySQL a dump, compressed if PATH ends in .gz. Secrets in it stay sealed; keep the secret keys
    elsewhere.
    """
    with files.new(path) as draft, _one_sentence():
        output.progress(f"copying to {path}")
        backup.write(path, draft)
    output.progress("")
    output.print_line(f"{path}: {output.size(path.stat().st_size)}")


@click.command("restore", cls=Command)
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--check", is_flag=True, help="Only say whether PATH could be restored.")
@yes_option
def restore(path: Path, check: bool, yes: bool) -> None:
    """Put the copy at PATH, which `backup` made, in the place of the database.

    Stop the service first, and back up what is there. All that was written since that copy is
    lost, so every session is ended: one that was ended since would be alive again. Phones log
    in again by themselves.
    """
    with _one_sentence():
        backup.check(path)
        if check:
            output.print_line(f"{path} is whole")
            return
        ask("Put it in the place of the database?", yes=yes)
        output.progress(f"restoring {path}")
        backup.restore(path)
    ended = sessions.revoke_all()
    output.progress("")
    output.print_line(f"{path} is restored; {output.count(ended, 'session')} ended")


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except BackupError as error:
        raise click.ClickException(str(error)) from None
