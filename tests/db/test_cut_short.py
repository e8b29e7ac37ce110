"""Migrations that meet each other, or that were cut short; see also faults/test_interrupted.py."""

import subprocess
import sys
import threading

import pytest
from sqlalchemy import inspect, text

from myapi.extensions import db
from myapi.settings import ROOT
from tests.cli.conftest import environment
from tests.fixtures import DATABASES, empty_database
from tests.revisions import HEAD

pytestmark = pytest.mark.on_mysql


@pytest.fixture(params=DATABASES)
def database_url(request, tmp_path):
    """The URL of an empty database."""
    with empty_database(request, tmp_path) as url:
        yield url


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
    assert sum("upgraded none" in result.stdout for result in results) == 1
    assert sum("already up to date" in result.stdout for result in results) == 3


OF_A_TEAM = """
import sqlalchemy as sa
from alembic import op

revision = "team"
down_revision = None
branch_labels = ("app",)
depends_on = "HEAD"


def upgrade():
    STEP
    op.execute("FAILS")
"""


@pytest.fixture
def team(app, tmp_path, caplog):
    """A migration of a team's own: `write` its step, `upgrade`, and `mend` what fails after it."""

    class Team:
        file = tmp_path / "app" / "migrations" / "team_notes.py"

        def write(self, step):
            self.file.write_text(OF_A_TEAM.replace("HEAD", HEAD).replace("STEP", step))

        def mend(self):
            self.file.write_text(self.file.read_text().replace('op.execute("FAILS")', ""))

        def upgrade(self, code=0):
            """Return what `flask db upgrade` says."""
            caplog.clear()
            result = app.test_cli_runner().invoke(args=["db", "upgrade"])
            assert result.exit_code == code, result.output
            return result.output + caplog.text

    Team.file.parent.mkdir(parents=True)
    app.extensions["app_folder"] = tmp_path / "app"
    with app.app_context():
        yield Team()


@pytest.mark.parametrize("database_url", ["mariadb", "mysql"], indirect=True)
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
def test_team_migration_that_was_cut_short_is_named_with_the_way_to_go_on(team, step, done, undo):
    team.write(step)
    assert "FAILS" in team.upgrade(code=1)
    said = team.upgrade(code=1)
    assert f"team_notes.py, line 12: {done}" in said
    assert f"`{undo}`" in said
    with db.engine.begin() as connection:  # as it says
        connection.execute(text(undo))
    team.mend()
    team.upgrade()
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "team"


@pytest.mark.parametrize("database_url", ["mariadb", "mysql"], indirect=True)
def test_step_that_takes_away_and_was_cut_short_is_named(team):
    team.write('op.drop_index("ix_sessions_code_digest", "sessions")')
    team.upgrade(code=1)
    said = team.upgrade(code=1)
    assert "ix_sessions_code_digest of sessions is gone already" in said
    assert "put a # before that line" in said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_migration_that_fails_on_sqlite_leaves_nothing(team):
    team.write('op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))')
    assert "FAILS" in team.upgrade(code=1)
    assert inspect(db.engine).get_table_names() == []
