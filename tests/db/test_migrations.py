"""Migrations run up and down, and make what the models say."""

import os
import shutil
import subprocess
import sys

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from myapi.auth import authenticate
from myapi.db import migrate, schema_version
from myapi.extensions import Base, db
from myapi.settings import ROOT
from tests.revisions import FIRST, HEAD
from tests.servers import MariaDB


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request, tmp_path):
    """Give a database that is empty altogether."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        server: MariaDB = request.getfixturevalue("mariadb")
        yield server.create_database("empty")
        server.execute("DROP DATABASE empty")


def tables(app):
    with app.app_context():
        return set(inspect(db.engine).get_table_names())


def test_up_down_and_up_again(app):
    with app.app_context():
        migrate.upgrade()
    assert tables(app) == {*Base.metadata.tables, "alembic_version"}
    with app.app_context():
        flask_migrate.downgrade(revision="base")
    assert tables(app) == {"alembic_version"}
    with app.app_context():
        migrate.upgrade()
        migrate.upgrade()
    assert tables(app) == {*Base.metadata.tables, "alembic_version"}


def test_models_and_migrations_say_the_same(app):
    with app.app_context():
        migrate.upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []


def test_there_is_one_head():
    assert len(ScriptDirectory(str(ROOT / "migrations")).get_heads()) == 1


def test_the_service_reads_the_same_migrations_as_alembic(monkeypatch, tmp_path):
    versions = tmp_path / "migrations" / "versions"
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    for name, before, needed in (("b7", HEAD, None), ("a3", "b7", None), ("t1", None, ("b7",))):
        (versions / f"{name}_next.py").write_text(
            f"revision: str = {name!r}\ndown_revision = {before!r}\ndepends_on = {needed!r}\n"
        )
    monkeypatch.setattr(schema_version, "ROOT", tmp_path)
    script = ScriptDirectory(str(tmp_path / "migrations"))
    read = schema_version.migrations.__wrapped__()
    assert set(read) == {revision.revision for revision in script.walk_revisions()}
    assert read["t1"] == read["a3"] == ("b7",)


def test_a_process_that_serves_loads_neither_alembic_nor_commands():
    code = "import sys, wsgi; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "MYAPI_SECRET_KEYS": "k" * 32},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "flask_sqlalchemy" in loaded
    for module in ("alembic", "redis", "doctor", "myapi.cli.users"):
        assert module not in loaded


def test_readyz_waits_for_the_migrations(app, client):
    assert client.get("/readyz").status_code == 503
    assert client.get("/api/hello").status_code == 200
    login = client.post("/api/auth/login", json={"code": "alice"})
    assert (login.status_code, login.get_json()["error"]) == (503, "service_unavailable")
    with app.app_context():
        migrate.upgrade()
    assert client.get("/readyz").status_code == 200


TABLE_MADE_ANEW = """
from alembic import op

revision = "made_anew"
down_revision = "HEAD"


def upgrade():
    with op.batch_alter_table("users", recreate="always"):
        pass
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_table_that_sqlite_makes_anew_keeps_what_refers_to_it(app, client, sign_in, tmp_path):
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder)
    (folder / "versions" / "made_anew.py").write_text(TABLE_MADE_ANEW.replace("HEAD", HEAD))
    with app.app_context():
        migrate.upgrade()
    phone = sign_in("alice")
    with app.app_context():
        flask_migrate.upgrade(directory=str(folder))
    assert phone.get("/api/me").status_code == 200


def test_rows_of_the_first_revision_stay_and_no_id_is_given_twice(app, sign_in):
    with app.app_context():
        migrate.init_app(app)
        flask_migrate.upgrade(revision=FIRST)
    alice, bob = sign_in("alice"), sign_in("bob")
    with app.app_context():
        migrate.upgrade()
        assert alice.get("/api/me").status_code == bob.get("/api/me").status_code == 200
        found = authenticate.authenticate(bob.token)
        bob.delete("/api/me")
        next_one = authenticate.authenticate(sign_in("carol").token)
    assert next_one.user_id > found.user_id
    assert next_one.session_id > found.session_id


@pytest.mark.parametrize("done", [[], ["CREATE INDEX {new} ON sessions (user_id, ended_at)"]])
def test_indexes_are_replaced_though_a_run_was_cut_short(app, done):
    """As MySQL leaves it, which keeps each step by itself."""
    with app.app_context():
        migrate.init_app(app)
        flask_migrate.upgrade(revision=FIRST)
        with db.engine.begin() as connection:
            for step in done:
                connection.execute(text(step.format(new="ix_sessions_user_id_ended_at")))
        migrate.upgrade()
        names = {index["name"] for index in inspect(db.engine).get_indexes("sessions")}
    assert "ix_sessions_user_id_ended_at" in names
    assert "ix_sessions_user_id" not in names
