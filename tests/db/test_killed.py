"""Migrations and restores that are killed, that meet each other, or that were cut short."""

import shutil
import subprocess
import sys
import threading

import flask_migrate
import pytest
from sqlalchemy import inspect, text

from myapi.db import migrate
from myapi.extensions import db
from myapi.settings import ROOT
from tests.cli.conftest import environment
from tests.revisions import HEAD

STATEMENTS = {"restore": 25, "upgrade": 12}  # at least so many on MySQL


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/killed.db"
    else:
        server = request.getfixturevalue(request.param)
        yield server.create_database("killed")
        server.execute("DROP DATABASE killed")


@pytest.mark.parametrize(
    ("database_url", "what"),
    # SQLite's restore is one transaction of the driver; see tests/faults/test_interrupted.py.
    [("sqlite", "upgrade"), ("mariadb", "upgrade"), ("mariadb", "restore")],
    indirect=["database_url"],
)
def test_killed_before_each_statement_the_database_is_whole_and_the_next_run_ends_well(
    database_url, what
):
    done = subprocess.run(
        [sys.executable, "-m", "tests.db.killed", database_url, what],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    if "mysql" in database_url:
        assert int(done.stdout) >= STATEMENTS[what]


def test_four_upgrades_at_once_all_end_well(database_url):
    environ = environment(database_url=database_url, secret_keys="k" * 32)
    results = []

    def upgrade():
        command = [sys.executable, "-m", "flask", "db", "upgrade"]
        results.append(
            subprocess.run(
                command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120
            )
        )

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.returncode for result in results] == [0] * 4, [r.stderr for r in results]
    assert sum("Running upgrade" in result.stderr for result in results) == 1


OF_A_TEAM = """
import sqlalchemy as sa
from alembic import op

revision = "team"
down_revision = "HEAD"


def upgrade():
    STEP
    op.execute("FAILS")
"""


@pytest.fixture
def team(app, tmp_path):
    """Migrate with one migration of a team; its file, to which a step can be written."""
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder)
    file = folder / "versions" / "team_notes.py"

    def write(step):
        file.write_text(OF_A_TEAM.replace("HEAD", HEAD).replace("STEP", step))
        return lambda: flask_migrate.upgrade(directory=str(folder))

    write.file = file
    with app.app_context():
        migrate.upgrade()
        yield write


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
@pytest.mark.parametrize(
    ("step", "done", "undo"),
    [
        (
            'op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))',
            "table notes is there already, with 0 rows",
            "DROP TABLE `notes`",
        ),
        (
            'op.add_column("users", sa.Column("mood", sa.String(20)))',
            "column mood of users is there already",
            "ALTER TABLE `users` DROP COLUMN `mood`",
        ),
        (
            'op.create_index("ix_users_nickname", "users", ["nickname"])',
            "index ix_users_nickname of users is there already",
            "DROP INDEX `ix_users_nickname` ON `users`",
        ),
        (
            'op.create_foreign_key("fk_self", "sessions", "users", ["user_id"], ["id"])',
            "foreign key fk_self of sessions is there already",
            "ALTER TABLE `sessions` DROP FOREIGN KEY `fk_self`",
        ),
    ],
)
def test_team_migration_that_was_cut_short_is_named_with_the_way_to_go_on(
    team, caplog, step, done, undo
):
    upgrade = team(step)
    with pytest.raises(Exception, match="FAILS"):
        upgrade()
    with pytest.raises(SystemExit):
        upgrade()
    assert f"team_notes.py, line 10: {done}" in caplog.text
    assert f"`{undo}`" in caplog.text
    with db.engine.begin() as connection:  # as it says
        connection.execute(text(undo))
    team.file.write_text(team.file.read_text().replace('op.execute("FAILS")', ""))
    upgrade()
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "team"


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_step_that_takes_away_and_was_cut_short_is_named(team, caplog):
    upgrade = team('op.drop_index("ix_sessions_code_digest", "sessions")')
    with pytest.raises(Exception, match="FAILS"):
        upgrade()
    with pytest.raises(SystemExit):
        upgrade()
    assert "ix_sessions_code_digest of sessions is gone already" in caplog.text
    assert "put a # before that line" in caplog.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_migration_that_fails_on_sqlite_leaves_nothing(team):
    with pytest.raises(Exception, match="FAILS"):
        team('op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))')()
    assert "notes" not in inspect(db.engine).get_table_names()
