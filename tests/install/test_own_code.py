"""A team's checkout: releases with own code in `app/`, a package of its own, and two migrations."""

import hashlib
import json
import shutil
import time
import zipfile

import pytest

from tests.install import restores
from tests.install.archive import DEBIAN
from tests.install.container import wheels
from tests.install.figures import figure
from tests.install.test_debian import MIGRATION
from tests.revisions import HEAD

INIT = """\
from app import greetings
from myapi.extend import Extension

extension = Extension(blueprints=[greetings.bp])
"""
GREETINGS = """\
from flask import Blueprint
from msgspec import Struct
from own_package import greet
from sqlalchemy import Connection, String, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from myapi.extend import Base, caller, endpoint, id_column, transaction, user_id_column

bp = Blueprint("greetings", __name__, url_prefix="/api/greetings")


class Greeting(Base):
    __tablename__ = "greetings"

    id: Mapped[int] = id_column()
    user_id: Mapped[int] = user_id_column()
    text: Mapped[str] = mapped_column(String(64))


class GreetingsOut(Struct):
    greetings: list[str]


@bp.post("")
@endpoint(returns=GreetingsOut)
def add() -> GreetingsOut:
    return GreetingsOut(add_greeting())


@transaction
def add_greeting(tx: Connection) -> list[str]:
    mine = Greeting.user_id == caller().user_id
    tx.execute(insert(Greeting).values(user_id=caller().user_id, text=greet("first release")))
    return list(tx.scalars(select(Greeting.text).where(mine).order_by(Greeting.id)))
"""
FIRST_MIGRATION = f"""\
import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None
branch_labels = ("app",)
depends_on = {HEAD!r}


def upgrade():
    op.create_table(
        "greetings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("text", sa.String(64), nullable=False),
    )


def downgrade():
    op.drop_table("greetings")
"""
SECOND_MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = "a2"
down_revision = "a1"


def upgrade():
    op.add_column("greetings", sa.Column("mood", sa.String(16)))


def downgrade():
    op.drop_column("greetings", "mood")
"""


@pytest.fixture(scope="module")
def server(booted):
    """A server with the release of a checkout that has no own code."""
    server = booted(DEBIAN)
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    return server


@pytest.fixture(scope="module")
def app(server):
    """The team's `app/` with its first migration; its package is beside those of myapi."""
    folder = server.root / "src/app"
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").write_text(INIT)
    (folder / "greetings.py").write_text(GREETINGS)
    (folder / "migrations/a1_greetings.py").write_text(FIRST_MIGRATION)
    shutil.copytree(wheels(DEBIAN), server.root / "own-wheels")
    digest = make_wheel(server.root / "own-wheels/own_package-1.0-py3-none-any.whl")
    (folder / "requirements.txt").write_text(f"own-package==1.0 \\\n    --hash=sha256:{digest}\n")
    return folder


def make_wheel(path):
    """Write a package that needs one of myapi's; return the digest of the file."""
    info = "own_package-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("own_package.py", 'def greet(whom):\n    return f"hello, {whom}"\n')
        file.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: own-package\nVersion: 1.0\nRequires-Dist: blinker\n",
        )
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def release(server):
    done = server.deploy("release", "--wheels", "/own-wheels")
    assert done.returncode == 0, done.stdout + done.stderr
    return server.current_release()


def rollback(server):
    done = server.deploy("rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.call("/readyz")["code"] == 0
    return server.current_release()


def post_greeting(server):
    """Log in and add a greeting; return the whole answer."""
    token = server.call("/api/auth/login", "-d", json.dumps({"code": "alice"}))["data"]["token"]
    return server.call("/api/greetings", "-X", "POST", "-H", f"Authorization: Bearer {token}")


def greetings(server):
    answer = post_greeting(server)
    assert answer["code"] == 0, answer
    return answer["data"]["greetings"]


def state(server):
    return server.run("myapi", "db", "state").stdout.strip()


def test_release_with_own_code_serves_its_route_with_its_package_and_table(server, app):
    assert post_greeting(server)["error"] == "not_found"
    began = time.monotonic()
    release(server)
    figure(DEBIAN.name, "release with own code and package", f"{time.monotonic() - began:.1f} s")
    assert greetings(server) == ["hello, first release"]
    assert state(server) == "current: a1"
    server.assert_complete()


def test_release_without_changes_is_live_already(server, app):
    (app / "tests").mkdir()
    (app / "tests/test_greetings.py").write_text("")  # which no release has
    done = server.deploy("release", "--wheels", "/own-wheels")
    assert "is live already" in done.stdout, done.stdout + done.stderr


def test_rollback_to_the_release_without_own_code_and_back(server):
    with_own_code = server.current_release()
    assert rollback(server) != with_own_code
    assert state(server) == "newer: a1"
    assert post_greeting(server)["error"] == "not_found"
    assert rollback(server) == with_own_code
    assert greetings(server) == ["hello, first release"] * 2


def test_own_code_that_cannot_be_imported_never_goes_live(server, app):
    before, backups = server.current_release(), server.files("/var/lib/myapi/backups")
    (app / "__init__.py").write_text(f"import no_such_package\n{INIT}")
    done = server.deploy("release", "--wheels", "/own-wheels")
    (app / "__init__.py").write_text(INIT)
    assert done.returncode == 1
    assert "app/__init__.py, line 1: ModuleNotFoundError" in done.stderr
    assert server.current_release() == before
    assert server.files("/var/lib/myapi/backups") == backups
    assert len(greetings(server)) == 3


def test_former_release_runs_on_the_later_schema_of_both_lines(server, app):
    former = server.current_release()
    (server.root / "src/migrations/versions/further.py").write_text(MIGRATION)
    (app / "migrations/a2_mood.py").write_text(SECOND_MIGRATION)
    changed = GREETINGS.replace("first release", "second release")
    changed = changed.replace("user_id=caller().user_id,", 'user_id=caller().user_id, mood="fine",')
    column = "    mood: Mapped[str | None] = mapped_column(String(16))\n"
    changed = changed.replace("\n\nclass GreetingsOut", f"{column}\n\nclass GreetingsOut")
    (app / "greetings.py").write_text(changed)
    later = release(server)
    assert greetings(server)[3:] == ["hello, second release"]
    kind, _, rows = state(server).partition(": ")
    assert (kind, set(rows.split(", "))) == ("current", {"a2", "further"})
    assert rollback(server) == former != later
    kind, _, rows = state(server).partition(": ")
    assert (kind, set(rows.split(", "))) == ("newer", {"a2", "further"})
    assert greetings(server)[3:] == ["hello, second release", "hello, first release"]


def test_backup_with_both_lines_is_restored_by_the_former_and_the_later_release(server):
    for _ in range(2):
        file = restores.manual_backup(server)
        before = greetings(server)
        restores.restore(server, file)
        assert len(greetings(server)) == len(before)  # the one before is not in the backup
        assert server.call("/readyz")["code"] == 0
        rollback(server)
    assert state(server).startswith("newer: ")
    server.assert_complete()


def test_backup_from_before_the_later_migrations_is_migrated(server):
    """Each release with a migration has made one."""
    rollback(server)
    name = sorted(n for n in server.files("/var/lib/myapi/backups") if "/before-2" in n)[-1]
    restores.restore(server, name)
    assert state(server).startswith("current: ")
    assert greetings(server)[-1] == "hello, second release"
