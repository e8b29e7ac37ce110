"""A team's year: own code beside myapi's, the next version merged, and back.

A copy of this checkout is upstream, with a made-up later release; its clone is the team's. Each
command is the real one, in a process of its own.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from myapi.settings import ROOT
from tests.fixtures import DATABASES
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


class Checkout:
    """A Git checkout, and the database that its commands use."""

    def __init__(self, folder, database_url=""):
        self.folder, self.database_url = folder, database_url

    def run(self, *command, code=0):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MYAPI_")}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**inherited, **IDENTITY, "MYAPI_DATABASE_URL": self.database_url},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def git(self, *words):
        return self.run("git", *words)

    def flask(self, *words, code=0):
        return self.run(sys.executable, "-m", "flask", *words, code=code)

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)

    def replace(self, name, old, new):
        file = self.folder / name
        before = file.read_text(encoding="utf-8")
        assert old in before
        file.write_text(before.replace(old, new), encoding="utf-8")

    def sql(self, statement):
        engine = create_engine(self.database_url)
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            rows = result.all() if result.returns_rows else []
        engine.dispose()
        return rows

    def own_migrations(self):
        return set((self.folder / "app/migrations").glob("*.py"))


@pytest.fixture(params=DATABASES)
def database_url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/story.db"
    else:
        server = request.getfixturevalue(request.param)
        yield server.create_database("story")
        server.execute("DROP DATABASE story")


@pytest.fixture
def upstream(tmp_path):
    """A repository with the files of this checkout, as release 0.1.0."""
    upstream = Checkout(tmp_path / "upstream")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if not name.startswith("app/") and (ROOT / name).is_file():
            (upstream.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, upstream.folder / name)
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
    team = Checkout(tmp_path / "team", database_url)
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
    assert " passed" in team.run(sys.executable, "-m", "pytest", *tests)
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
    said = team.run(sys.executable, "update.py", "--upstream", "origin", "--merge-only")
    assert "7.1.0 to 7.2.0" in said
    assert "the later one" in (team.folder / "README.md").read_text(encoding="utf-8")
    assert team.flask("db", "state").startswith("behind: ")
    team.flask("db", "upgrade")
    assert team.flask("db", "state").startswith("current: ")
    assert team.sql("SELECT text, pinned FROM notes") == [("milk", None)]
    assert " passed" in team.run(sys.executable, "-m", "pytest", *tests)

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
    copied = Checkout(team.folder, f"sqlite:///{tmp_path}/copied.db")
    assert copied.sql("SELECT text FROM notes") == [("milk",)]
    assert copied.flask("db", "state").startswith("current: ")

    # The former release runs on the newer database.
    team.git("worktree", "add", "--quiet", str(tmp_path / "former"), former)
    rolled_back = Checkout(tmp_path / "former", team.database_url)
    assert rolled_back.flask("db", "state").startswith("newer: ")
    assert rolled_back.run(sys.executable, "-c", READY).splitlines()[-1] == "200"
    rolled_back.flask("backup", str(tmp_path / f"again{''.join(backup.suffixes)}"))


SHORT = "mapped_column(String(20))"
PINNED = f"    pinned: Mapped[str | None] = {SHORT}\n    created_at: Mapped[datetime]"
