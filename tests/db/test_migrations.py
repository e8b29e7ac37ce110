"""Migrations run up and down, and make the schema of the models."""

import os
import subprocess
import sys

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from myapi.auth import authenticate
from myapi.db import migrate
from myapi.extensions import Base, db
from myapi.settings import ROOT
from tests.fixtures import DATABASES, empty_database
from tests.revisions import FIRST, HEAD

pytestmark = pytest.mark.on_mysql


@pytest.fixture(params=DATABASES)
def database_url(request, tmp_path):
    """The URL of an empty database."""
    with empty_database(request, tmp_path) as url:
        yield url


def tables(app):
    with app.app_context():
        return set(inspect(db.engine).get_table_names())


def test_migrations_run_up_down_and_up_again(app):
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


def test_migrations_have_one_head():
    assert len(ScriptDirectory(str(ROOT / "migrations")).get_heads()) == 1


def test_worker_imports_neither_alembic_nor_commands():
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


def test_readyz_is_503_until_the_database_is_migrated(app, client):
    assert client.get("/readyz").status_code == 503
    assert client.get("/api/hello").status_code == 200
    login = client.post("/api/auth/login", json={"code": "alice"})
    assert (login.status_code, login.get_json()["error"]) == (503, "service_unavailable")
    with app.app_context():
        migrate.upgrade()
    assert client.get("/readyz").status_code == 200


RECREATE_USERS = f"""
from alembic import op

revision = "recreate_users"
down_revision = None
branch_labels = ("app",)
depends_on = {HEAD!r}


def upgrade():
    with op.batch_alter_table("users", recreate="always"):
        pass
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_recreated_sqlite_table_keeps_the_rows_that_refer_to_it(app, sign_in, tmp_path):
    with app.app_context():
        migrate.upgrade()
    phone = sign_in("alice")
    folder = tmp_path / "app" / "migrations"
    folder.mkdir(parents=True)
    (folder / "recreate_users.py").write_text(RECREATE_USERS)
    app.extensions["app_folder"] = tmp_path / "app"
    with app.app_context():
        migrate.upgrade()
        with db.engine.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == (
                "recreate_users"
            )
    assert phone.get("/api/me").status_code == 200


ROWS_OF_THE_FIRST_REVISION = """
INSERT INTO users (id, public_id, appid, openid, created_at) VALUES
  (7, 'of-alice', 'wx', 'o-alice', '2026-01-02 03:04:05'),
  (8, 'of-bob', 'wx', 'o-bob', '2026-01-02 03:04:05');
INSERT INTO sessions
  (id, public_id, user_id, token_digest, code_digest, ip, user_agent, created_at) VALUES
  (5, 'session-of-bob', 8, 'token', 'code', '192.0.2.1', 'phone', '2026-01-02 03:04:05')
"""


def test_upgrade_keeps_the_rows_and_reuses_no_id(app, sign_in, execute):
    with app.app_context():
        migrate.init_app(app)
        flask_migrate.upgrade(revision=FIRST)
    for statement in ROWS_OF_THE_FIRST_REVISION.split(";"):
        execute(statement)
    with app.app_context():
        migrate.upgrade()
    assert execute("SELECT id FROM users ORDER BY id") == [(7,), (8,)]
    assert execute("SELECT id, user_id FROM sessions") == [(5, 8)]
    execute("DELETE FROM users WHERE id = 8")
    with app.app_context():
        carol = authenticate.authenticate(sign_in("carol").token)
    assert carol.user_id > 8
    assert carol.session_id > 5


@pytest.mark.parametrize("done", [[], ["CREATE INDEX {new} ON sessions (user_id, ended_at)"]])
def test_index_replacement_finishes_an_interrupted_run(app, done):
    """MySQL commits each step by itself, so a run can be interrupted between two."""
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
