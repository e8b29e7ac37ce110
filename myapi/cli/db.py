"""`flask db …`: Flask-Migrate's commands for both lines of migrations, `state` and `copy`."""

import re
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask_migrate.cli import db as flask_migrate_group

from myapi.cli import output
from myapi.cli.command import Command, Group
from myapi.cli.db_answers import applied, one_answer
from myapi.cli.options import confirm, yes_option
from myapi.db import migrate, schema_version
from myapi.db.copy import CopyError, RefusedError, copy_database
from myapi.extensions import settings
from myapi.language import localized
from myapi.settings import urls


def _wrap(command: click.Command) -> Command:
    """Turn a command of Flask-Migrate into a `Command` that sets Flask-Migrate up first."""

    def run(**options: Any) -> Any:  # noqa: ANN401
        migrate.init_app(current_app._get_current_object())  # type: ignore[attr-defined]
        if command.name == "migrate" and schema_version.state_of(applied()) == "behind":
            raise click.ClickException(
                localized(
                    "the database lacks a migration, with which the models are compared:"
                    " run `flask db upgrade` first",
                    "数据库缺少迁移，无法与模型比较：请先运行 `flask db upgrade`",
                )
            )
        if "revision" in options:
            options["revision"] = _both_lines(str(command.name), options["revision"])
        if command.name == "downgrade":
            yes = options.pop("yes")
            if not _has_what_to_take_back(options["revision"]):
                output.print_line(localized("nothing to take back", "没有可退回的迁移"))
                return None
            _confirm_downgrade(options["revision"], yes=yes)
        with one_answer(str(command.name)):
            return command.callback and command.callback(**options)

    wrapped = Command(command.name, callback=run, params=[*command.params], help=command.help)
    return yes_option(wrapped) if command.name == "downgrade" else wrapped


def _both_lines(command: str, revision: str) -> str:
    """Return what a revision means where there may be two lines of migrations.

    Flask-Migrate's own defaults mean a single line, and fail with two.
    """
    if revision == "head" and command in {"upgrade", "stamp", "show"}:
        return "heads"
    relative = re.fullmatch(r"-\d+", revision)
    if command == "downgrade" and relative and migrate.own_revisions():
        return f"{migrate.APP}@{revision}"
    return revision


def _has_what_to_take_back(revision: str) -> bool:
    found = applied()
    if revision.startswith(f"{migrate.APP}@"):
        return not found.isdisjoint(migrate.own_revisions())
    return bool(found)


def _confirm_downgrade(revision: str, *, yes: bool) -> None:
    """Ask before myapi's migrations are taken back. Those of the team's own line go unasked."""
    own = migrate.own_revisions()
    if revision.startswith(f"{migrate.APP}@") or revision in own:
        return
    if own:
        output.print_line(
            localized(
                "note: migrations of app/ that depend on what is taken back are taken back first,"
                " with their tables",
                "注意：app/ 中依赖于所退回内容的迁移会先退回，连同它们的表",
            ),
            err=True,
        )
    confirm(
        localized(
            f"Take back migrations of myapi ({revision}), with the data in their tables and"
            " columns?",
            f"退回 myapi 的迁移（{revision}），连同它们的表和列中的数据？",
        ),
        yes=yes,
    )


group = Group(
    "db",
    callback=flask_migrate_group.callback,
    params=flask_migrate_group.params,
    help="Migrate and copy the database.",
    commands=[_wrap(command) for command in flask_migrate_group.commands.values()],
)


@group.command()
def state() -> None:
    """Say behind, current or newer: the database compared with the migrations of this code."""
    found = applied()
    output.print_line(f"{schema_version.state_of(found)}: {', '.join(sorted(found)) or 'none'}")


@group.command()
@click.option("--to", "url", metavar="URL", help="The target, as MYAPI_DATABASE_URL is written.")
@click.option(
    "--to-file",
    "file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the URL. With --to the password is visible in the process list.",
)
def copy(url: str | None, file: Path | None) -> None:
    """Copy the whole database into another one, such as SQLite into MySQL.

    Stop the service first, and everything else that writes. The target is an empty database: the
    command migrates it, fills it, and finally compares all rows of both. If it was interrupted,
    run it again: it continues, and corrects what has changed since. When it says that both
    databases hold the same rows, set MYAPI_DATABASE_URL to the target and start the service.

    The stored secrets stay encrypted: the target needs the same MYAPI_SECRET_KEYS.
    """
    if (url is None) == (file is None):
        raise click.UsageError(
            localized("give either --to URL or --to-file FILE", "请给出 --to URL 或 --to-file FILE")
        )
    given = url if file is None else file.read_text(encoding="utf-8", errors="replace")
    try:
        target = urls.database_url(str(given).strip())
    except ValueError as error:
        raise click.UsageError(localized(f"the target {error}", f"目标数据库：{error}")) from None
    try:
        checksums = copy_database(settings().database_url, target, output.progress)
    except (CopyError, RefusedError) as error:
        output.progress("")
        raise click.ClickException(output.printable(str(error))) from None
    output.progress("")
    for name, table in checksums.items():
        rows = localized(output.count(table.rows, "row"), f"{table.rows} 行")
        output.print_line(f"{name}: {rows}, SHA-256 {table.digest[:16]}")
    output.print_line(localized("both databases hold the same rows", "两个数据库的内容一致"))
