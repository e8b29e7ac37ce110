"""A team's year: own code beside myapi's, the next version merged, and back.

A copy of this checkout is upstream, with a made-up later release; its clone is the team's. Each
command is the real one, in a process of its own.
"""

import re
import shutil
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from myapi.settings import ROOT
from tests.checkout import Checkout
from tests.fixtures import empty_database
from tests.revisions import HEAD

EXAMPLE = Path(__file__).parent / "example"
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "somebody"), ("EMAIL", "somebody@example.com"))
}
LATER_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = "{down}"


def upgrade():
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))
"""
READY = "from myapi import create_app; print(create_app().test_client().get('/readyz').status_code)"


IGNORED = "__pycache__/\n.pytest_cache/\ninstance/\n"


class Repository(Checkout):
    """A checkout with its history, and the database that its commands use."""

    @classmethod
    def on(cls, database_url, folder):
        return cls(folder, MYAPI_DATABASE_URL=database_url, **IDENTITY)

    @property
    def database_url(self):
        return self.environ["MYAPI_DATABASE_URL"]

    def git(self, *words):
        return self.command("git", *words).stdout

    def state(self):
        return self.flask("db", "state").stdout.partition(":")[0]

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)

    def replace(self, name, old, new):
        assert old in self.read(name)
        self.write(name, self.read(name).replace(old, new))

    def sql(self, statement):
        engine = create_engine(self.database_url)
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            rows = result.all() if result.returns_rows else []
        engine.dispose()
        return rows

    def own_migrations(self):
        return set((self.folder / "app/migrations").glob("*.py"))


@pytest.fixture(params=["sqlite", "mysql"])  # MySQL with --all-on-mysql
def database_url(request, tmp_path):
    """The URL of an empty database."""
    with empty_database(request, tmp_path) as url:
        yield url


@pytest.fixture
def upstream(tmp_path):
    """A repository with the files of this checkout, as a release."""
    upstream = Repository.copied_to(tmp_path / "upstream", **IDENTITY)
    upstream.write(".gitignore", IGNORED)
    upstream.git("init", "--quiet", "--initial-branch", "main")
    present = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)[1]
    upstream.replace("pyproject.toml", f'version = "{present}"', 'version = "7.1.0"')
    upstream.commit("the present version")
    upstream.git("tag", "v7.1.0")
    return upstream


@pytest.fixture
def team(upstream, tmp_path, database_url):
    """The team's clone, with the notes of the example in `app/`, migrated and tested."""
    upstream.git("clone", "--quiet", ".", str(tmp_path / "team"))
    team = Repository.on(database_url, tmp_path / "team")
    shutil.copytree(EXAMPLE, team.folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (team.folder / "app/tests").mkdir()
    (team.folder / "app/tests/test_notes.py").write_text(
        "def test_notes_are_kept(sign_in):\n"
        "    phone = sign_in()\n"
        "    assert phone.post('/api/notes', {'text': 'milk'}).status_code == 200\n"
        "    notes = phone.get('/api/notes').get_json()['data']['notes']\n"
        "    assert [note['text'] for note in notes] == ['Welcome!', 'milk']\n"
    )
    team.flask("db", "upgrade")
    team.flask("db", "migrate", "-m", "notes")
    team.flask("db", "upgrade")
    team.commit("notes")
    return team


def release(upstream):
    """A later release: two migrations, a changed README, and a renamed internal."""
    down = HEAD
    for name, table in (("8001", "myapi_pushes"), ("8002", "myapi_pictures")):
        file = upstream.folder / f"migrations/versions/{name}_{table}.py"
        file.write_text(LATER_MIGRATION.format(name=name, down=down, table=table))
        down = name
    upstream.git("mv", "myapi/clock.py", "myapi/the_clock.py")
    for file in upstream.folder.glob("myapi/**/*.py"):
        source = file.read_text(encoding="utf-8")
        file.write_text(source.replace("myapi.clock", "myapi.the_clock"), encoding="utf-8")
    for file in upstream.folder.glob("tests/**/*.py"):
        source = file.read_text(encoding="utf-8")
        file.write_text(source.replace("myapi.clock", "myapi.the_clock"), encoding="utf-8")
    upstream.replace("README.md", "# myapi", "# myapi, the later one")
    upstream.replace("pyproject.toml", 'version = "7.1.0"', 'version = "7.2.0"')
    upstream.commit("7.2.0")
    upstream.git("tag", "v7.2.0")


def test_own_code_takes_the_next_version_and_goes_back(upstream, team, tmp_path):
    # Their own tests and the checks of the whole.
    tests = ("app", "tests/whole/test_schema.py", "tests/whole/test_imports.py")
    assert " passed" in team.run("pytest", *tests).stdout
    team.sql(
        "INSERT INTO users (id, public_id, appid, openid, created_at)"
        " VALUES (7, 'of-alice', 'wx', 'o-alice', '2026-01-02')"
    )
    team.sql("INSERT INTO notes (user_id, text, created_at) VALUES (7, 'milk', '2026-01-02')")
    former = team.git("rev-parse", "HEAD").strip()

    # The next version, while an own migration is pending that builds on the former one.
    team.replace("app/notes.py", "    created_at: Mapped[datetime]", PINNED)
    team.flask("db", "migrate", "-m", "pinned")
    team.commit("pinned")
    release(upstream)
    said = team.command(sys.executable, "update.py", "--upstream", "origin", "--merge-only").stdout
    assert "7.1.0 to 7.2.0" in said
    assert "the later one" in (team.folder / "README.md").read_text(encoding="utf-8")
    assert team.state() == "behind"
    team.flask("db", "upgrade")
    assert team.state() == "current"
    assert team.sql("SELECT text, pinned FROM notes") == [("milk", None)]
    assert " passed" in team.run("pytest", *tests).stdout

    # The next own migration builds on the newest of myapi.
    before = team.own_migrations()
    team.replace("app/notes.py", PINNED, f"    colour: Mapped[str | None] = {SHORT}\n{PINNED}")
    team.flask("db", "migrate", "-m", "colour")
    (file,) = team.own_migrations() - before
    assert "8002" in re.search(r"^depends_on = (.*)", file.read_text(), re.M)[1]
    team.flask("db", "upgrade")
    team.commit("colour")

    # Backup, restore and copy bring both lines along.
    revisions = team.sql("SELECT version_num FROM alembic_version")
    backup = tmp_path / ("both.db" if "sqlite" in team.database_url else "both.sql.gz")
    team.flask("backup", str(backup))
    team.sql("DELETE FROM notes")
    team.flask("restore", str(backup), "--yes")
    assert team.sql("SELECT text, colour FROM notes") == [("milk", None)]
    assert team.sql("SELECT version_num FROM alembic_version") == revisions
    team.flask("db", "copy", "--to", f"sqlite:///{tmp_path}/copied.db")
    copied = Repository.on(f"sqlite:///{tmp_path}/copied.db", team.folder)
    assert copied.sql("SELECT text FROM notes") == [("milk",)]
    assert copied.state() == "current"

    # The former release runs on the newer database.
    team.git("worktree", "add", "--quiet", str(tmp_path / "former"), former)
    rolled_back = Repository.on(team.database_url, tmp_path / "former")
    assert rolled_back.state() == "newer"
    assert rolled_back.command(sys.executable, "-c", READY).stdout.splitlines()[-1] == "200"
    rolled_back.flask("backup", str(tmp_path / f"again{''.join(backup.suffixes)}"))


SHORT = "mapped_column(String(20))"
PINNED = f"    pinned: Mapped[str | None] = {SHORT}\n    created_at: Mapped[datetime]"
