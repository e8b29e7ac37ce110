"""Two lines of migrations: myapi's, and that of a team's own code in `app/migrations`."""

import re
import shutil

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, Table, inspect, text

from myapi.db import migrate, schema_version
from myapi.extensions import Base, db
from tests.fixtures import DATABASES, empty_database
from tests.revisions import FIRST, HEAD

pytestmark = pytest.mark.on_mysql

NOTES = """
import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None
branch_labels = ("app",)
depends_on = "DEPENDS"


def upgrade():
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("notes")
"""


@pytest.fixture(params=DATABASES)
def database_url(request, tmp_path):
    """The URL of an empty database."""
    with empty_database(request, tmp_path) as url:
        yield url


@pytest.fixture
def own(app, tmp_path):
    """A team's `app/` with the table `notes`; a function that adds a migration to its line."""
    folder = tmp_path / "100% of our app" / "app"  # a name that a configuration file would mangle
    (folder / "migrations").mkdir(parents=True)
    app.extensions["app_folder"] = folder
    app.extensions["app_tables"] = {"notes"}

    def add(name="a1", down=None, depends=HEAD, body=NOTES):
        source = body.replace('"a1"', repr(name)).replace("= None", f"= {down!r}")
        source = source.replace("DEPENDS", depends)
        if down is not None:
            source = source.replace('branch_labels = ("app",)', "branch_labels = None")
            source = re.sub(r'"notes"', f'"notes_{name}"', source)
        (folder / "migrations" / f"{name}_notes.py").write_text(source)
        return folder / "migrations"

    return add


@pytest.fixture
def flask_db(app):
    def flask_db(*arguments, code=0, answer=""):
        result = app.test_cli_runner().invoke(args=["db", *arguments], input=answer)
        assert result.exit_code == code, result.output
        return result

    return flask_db


def tables():
    return set(inspect(db.engine).get_table_names())


def rows():
    with db.engine.connect() as connection:
        return schema_version.applied(connection)


@pytest.fixture(autouse=True)
def in_app(app):
    with app.app_context():
        yield


def test_upgrade_takes_both_lines_and_state_follows(own, flask_db, client):
    own()
    assert client.get("/readyz").status_code == 503
    assert flask_db("state").stdout == "behind: none\n"
    flask_db("upgrade")
    assert "notes" in tables()
    assert flask_db("state").stdout.startswith("current: ")
    assert client.get("/readyz").status_code == 200


def test_own_migration_that_is_missing_is_behind(own, flask_db, client):
    flask_db("upgrade")
    own()
    assert flask_db("state").stdout == f"behind: {HEAD}\n"
    assert client.get("/readyz").status_code == 503
    flask_db("upgrade")
    assert flask_db("state").stdout == "current: a1\n"  # a row implies those that it depends on


def test_own_migration_that_waits_on_an_older_one_of_myapi_is_current_with_both_rows(own, flask_db):
    own(depends=FIRST)
    flask_db("upgrade")
    assert rows() == {HEAD, "a1"}
    assert flask_db("state").stdout == f"current: {HEAD}, a1\n"


def test_code_without_the_own_line_finds_the_database_newer(app, own, flask_db, client):
    own()
    flask_db("upgrade")
    app.extensions["app_folder"] = None
    assert flask_db("state").stdout == "newer: a1\n"
    assert client.get("/readyz").status_code == 200


def test_downgrade_takes_back_one_of_the_team_and_leaves_myapi(own, flask_db):
    own()
    own("a2", down="a1")
    flask_db("upgrade")
    flask_db("downgrade")
    assert {"notes", "users"} <= tables()
    assert "notes_a2" not in tables()
    flask_db("downgrade")
    assert "notes" not in tables()
    assert "users" in tables()


def test_downgrade_of_myapi_says_that_the_teams_tables_go_first(own, flask_db):
    own()
    flask_db("upgrade")
    assert "taken back first" in flask_db("downgrade", FIRST, answer="y\n").stderr
    assert "notes" not in tables()
    assert rows() == {FIRST}


def test_downgrade_of_myapi_changes_nothing_without_a_yes(flask_db):
    flask_db("upgrade")
    assert (
        "Take back migrations of myapi (-1)" in flask_db("downgrade", code=1, answer="n\n").stderr
    )
    assert "--yes skips the question" in flask_db("downgrade", code=1).stderr  # as from cron
    assert rows() == {HEAD}
    flask_db("downgrade", answer="y\n")
    assert rows() not in ({HEAD}, set())
    flask_db("downgrade", "base", "--yes")
    assert flask_db("downgrade").stdout == "nothing to take back\n"


@pytest.mark.parametrize("target", ["base", "myapi@-1", FIRST])
def test_downgrade_of_myapi_asks_where_the_team_has_migrations_too(own, flask_db, target):
    own()
    flask_db("upgrade")
    flask_db("downgrade", target, code=1, answer="n\n")
    assert rows() == {"a1"}


@pytest.mark.parametrize("target", ["a1", "app@a1", "app@-1"])
def test_downgrade_within_the_teams_line_asks_nothing(own, flask_db, target):
    own()
    own("a2", down="a1")
    flask_db("upgrade")
    assert flask_db("downgrade", target).stderr == ""
    assert rows() == {"a1"}


def test_downgrade_of_a_line_that_is_not_applied_takes_back_nothing(app, own, flask_db):
    flask_db("upgrade")
    own()
    assert flask_db("downgrade").stdout == "nothing to take back\n"
    assert rows() == {HEAD}


@pytest.mark.parametrize("command", ["heads", "current", "history", "show", "branches", "stamp"])
def test_other_commands_of_flask_migrate_work_with_two_ends(own, flask_db, command):
    own(depends=FIRST)
    flask_db("upgrade")
    flask_db(command)
    assert flask_db("state").stdout.startswith("current")


@pytest.fixture
def model():
    """A model of the team, which no migration makes yet."""
    table = Table("notes", Base.metadata, Column("id", Integer, primary_key=True))
    yield table
    Base.metadata.remove(table)


@pytest.mark.usefixtures("model")
def test_first_own_migration_begins_the_line_and_holds_the_teams_tables_alone(own, flask_db):
    folder = own()
    shutil.rmtree(folder)
    flask_db("upgrade")
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE of_another_program (id int)"))
    flask_db("migrate", "-m", "notes")
    (file,) = folder.glob("*.py")
    written = file.read_text()
    assert re.findall(r'create_table\(\s*["\'](\w+)', written) == ["notes"]
    assert "of_another_program" not in written
    assert "users" not in written
    assert f"depends_on = '{HEAD}'" in written or f"depends_on = ('{HEAD}',)" in written
    assert "down_revision = None" in written
    flask_db("upgrade")
    assert "notes" in tables()
    assert flask_db("state").stdout.startswith("current")


@pytest.mark.usefixtures("model")
def test_without_a_change_no_migration_is_written(own, flask_db):
    folder = own()
    flask_db("upgrade")
    assert flask_db("migrate", "-m", "again").stdout.startswith("no changes: ")
    assert [file.name for file in folder.glob("*.py")] == ["a1_notes.py"]


@pytest.mark.usefixtures("own", "model")
def test_migrate_on_a_database_that_is_behind_says_what_to_run_first(flask_db):
    assert "run `flask db upgrade` first" in flask_db("migrate", "-m", "notes", code=1).stderr


def test_next_own_migration_follows_and_an_empty_one_too(own, flask_db):
    folder = own()
    flask_db("upgrade")
    flask_db("revision", "-m", "by hand")
    (file,) = (each for each in folder.glob("*.py") if "by_hand" in each.name)
    assert "down_revision = 'a1'" in file.read_text()


def test_two_ends_of_the_own_line_are_named_with_the_command_that_joins_them(own, flask_db):
    own()
    own("a2", down="a1")
    folder = own("a3", down="a1")
    flask_db("upgrade")
    assert flask_db("state").stdout.startswith("current")
    refused = flask_db("revision", "-m", "next", code=1)
    assert refused.stderr.startswith("Error: app/migrations has two ends")
    assert refused.stderr.endswith("flask db merge -m merge a2 a3\n")
    flask_db("merge", "-m", "merge", "a2", "a3")
    assert len(list(folder.glob("*_merge.py"))) == 1
    flask_db("upgrade")
    assert flask_db("state").stdout.startswith("current")


def test_schema_version_reads_the_same_migrations_as_alembic(own, app):
    own()
    own("b7", down="a1")
    migrate.init_app(app)
    script = ScriptDirectory.from_config(migrate.migrate.get_config(migrate.FOLDER))
    read = schema_version.migrations()
    assert set(read) == {revision.revision for revision in script.walk_revisions()}
    assert read["b7"] == ("a1", HEAD)
