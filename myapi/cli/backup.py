"""`flask backup PATH` and `flask restore PATH`: back up and restore the whole database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import Connection, Table

from myapi import audit
from myapi.auth import sessions
from myapi.cli import files, output
from myapi.cli.command import Command
from myapi.cli.options import confirm, yes_option
from myapi.db import backup, reports
from myapi.db.backup import BackupError
from myapi.language import localized
from myapi.messages import restored
from myapi.operators import listings as operators


@click.command("backup", cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> None:
    """Copy the database to PATH, a new file that only you can read.

    The service can keep running. The copy is a consistent snapshot: a database file for SQLite, a
    dump for MySQL, compressed if PATH ends in .gz. Stored secrets stay encrypted in it, so keep
    the secret keys elsewhere.
    """
    with files.atomic_create(path) as temporary, _failures_as_click_errors():
        output.progress(localized(f"copying to {path}", f"正在复制到 {path}"))
        backup.write(path, temporary)
    output.progress("")
    size = path.stat().st_size
    reports.leave(reports.BACKUP, {"size": size})
    output.print_line(f"{path}: {output.size(size)}")


@click.command("restore", cls=Command)
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--check", is_flag=True, help="Only check whether PATH can be restored.")
@yes_option
def restore(path: Path, check: bool, yes: bool) -> None:
    """Replace the database with the backup at PATH.

    Everything written since the backup is lost, including logouts and revocations. So every session
    is ended; phones log in again automatically. Back up the present database first, unless it is
    damaged.

    The backup takes the place of the database in one step. Until then a running service answers
    from the old one, and what it writes is lost with it: stop the service if that must not be.
    Restart it afterwards. If the command is interrupted, the database is whole, the old one or the
    restored one: run it again.
    """
    with _failures_as_click_errors():
        contents = backup.check(path)
        if check:
            output.print_line(
                localized(f"{path} is complete and can be restored", f"{path} 完整，可以恢复")
            )
            return
        confirm(localized("Replace the database with it?", "用它替换现有数据库？"), yes=yes)
        output.progress(localized(f"restoring {path}", f"正在恢复 {path}"))
        ended = backup.restore(path, contents, _prepare)
    audit.record_now("restore", count=ended)
    output.progress("")
    output.print_line(
        localized(
            f"{path} is restored; {output.count(ended, 'session')} ended",
            f"已恢复 {path}，结束了 {ended} 个会话",
        )
    )


def _prepare(connection: Connection, tables: Mapping[str, Table]) -> int:
    """Change the restored rows before anyone sees them; return how many sessions were ended."""
    restored.forget_queue(connection, tables)
    operators.end_restored(connection, tables)
    return sessions.end_restored(connection, tables)


@contextmanager
def _failures_as_click_errors() -> Iterator[None]:
    try:
        yield
    except BackupError as error:
        raise click.ClickException(str(error)) from None
