"""Alembic, through Flask-Migrate: two lines of migrations in one environment.

The line `myapi` is in `migrations/versions`. A team's own code has the line `app`, in
`app/migrations`; each of its migrations depends on the newest of `myapi` at its time. Only commands
import this module; the service does not need it.
"""

from pathlib import Path

import flask_migrate
from alembic import command
from alembic.config import Config
from alembic.operations.ops import MigrationScript
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask, current_app, g
from sqlalchemy import Engine

from myapi.db import schema_version
from myapi.extensions import db
from myapi.language import localized
from myapi.settings import ROOT

FOLDER = str(ROOT / "migrations")
APP = "app"  # the label of the team's line; that of `migrations/versions` is `myapi`


def _count_step(**_: object) -> None:
    g.migration_steps = g.get("migration_steps", 0) + 1


migrate = flask_migrate.Migrate(render_as_batch=True, on_version_apply=_count_step)


def init_app(app: Flask) -> None:
    migrate.init_app(app, db, directory=FOLDER)


def _find_both_lines(config: Config) -> Config:
    folders = [schema_version.MIGRATIONS, schema_version.own_folder()]
    locations = "\n".join(str(folder) for folder in folders if folder)
    config.set_main_option("path_separator", "newline")  # no path holds one, on any system
    config.set_main_option("version_locations", locations.replace("%", "%%"))
    return config


def _be_quiet(config: Config) -> Config:
    """Keep Alembic from printing, as its own option --quiet does, if the command asks for it."""
    if g.get("quiet_alembic", False) and config.cmd_opts is not None:
        config.cmd_opts.quiet = True
    return config


migrate.configure(_find_both_lines)
migrate.configure(_be_quiet)


def upgrade(engine: Engine | None = None) -> None:
    """Apply all missing migrations to the current app's database, or to that of `engine`."""
    init_app(current_app._get_current_object())  # type: ignore[attr-defined]
    config = migrate.get_config(FOLDER)
    config.attributes["engine"] = engine  # see migrations/env.py
    command.upgrade(config, "heads")


def own_revisions() -> set[str]:
    """Return the migrations of the team's own code."""
    directory = ScriptDirectory.from_config(migrate.get_config(FOLDER))
    folder = schema_version.own_folder()
    return {
        revision.revision
        for revision in directory.walk_revisions()
        if Path(revision.path).parent == folder
    }


def put_into_own_line(script: MigrationScript, directory: ScriptDirectory) -> None:
    """Make a new migration one of the team's, which depends on the newest of myapi.

    Without `app/` it stays one of myapi. Raises CommandError if the line has two ends.
    """
    folder = schema_version.own_folder()
    if folder is None or script.version_path is not None:
        return
    folder.mkdir(exist_ok=True)
    ends: dict[bool, list[str]] = {True: [], False: []}
    for revision in directory.walk_revisions():
        if revision.is_head:
            ends[Path(revision.path).parent == folder].append(revision.revision)
    own = ends[True]
    if len(own) > 1:
        raise CommandError(
            localized(
                "app/migrations has two ends: two developers have each added a migration. Join them"
                " first: ",
                "app/migrations 有两个末端：两位开发者各加了一个迁移。请先合并：",
            )
            + f"flask db merge -m merge {' '.join(sorted(own))}"
        )
    script.version_path = str(folder)
    script.depends_on = ends[False]
    script.head = f"{APP}@head" if own else "base"
    script.branch_label = None if own else APP
