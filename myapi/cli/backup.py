"""`flask backup PATH`: a copy of the SQLite database beside a running service."""

import shlex
from pathlib import Path

import click
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from myapi.cli import files, screen
from myapi.cli.command import Command
from myapi.database import reading
from myapi.extensions import settings


@click.command("backup", cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> None:
    """Copy the database to PATH, a new file that only you can read.

    The service goes on meanwhile. The copy is whole, of one moment, and takes the place of the
    database as it is. It keeps its secrets sealed: the secret keys are to be kept elsewhere.
    """
    url = make_url(settings().database_url)
    if url.get_backend_name() != "sqlite":
        raise click.ClickException(
            f"this copies SQLite; for MySQL (for MariaDB with mariadb-dump) run: {_dump(url, path)}"
        )
    with reading() as connection, files.new(path) as draft:
        connection.execute(text("SELECT 1 FROM alembic_version"))  # or it is not our database
        screen.progress(f"copying to {path}")
        connection.execute(text("VACUUM INTO :draft"), {"draft": str(draft)})
    screen.progress("")
    screen.say(f"{path}: {screen.size(path.stat().st_size)}")


def _dump(url: URL, path: Path) -> str:
    """Write the command for MySQL, which asks for the password itself."""
    options = [f"--host={url.host}", f"--port={url.port or 3306}"]
    if url.username:
        options.append(f"--user={url.username}")
    options += ["--password", "--single-transaction", "--quick", "--no-tablespaces"]
    dump = shlex.join(["mysqldump", *options, f"--result-file={path}", str(url.database)])
    return f"(umask 077; {dump})"
