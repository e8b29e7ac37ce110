"""Restore, upgrade and copy, killed and interrupted at random moments: the database is whole.

`--kills` says how often; see also the install test, which does it through `deploy/myapi`.
"""

import itertools
import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime, timezone

import flask_migrate
import pytest
from sqlalchemy import MetaData, create_engine, func, insert, inspect, select, text

from myapi import create_app
from myapi.auth.models import Session
from myapi.db import migrate
from myapi.db.copy.target import MARKER
from myapi.settings import ROOT, Settings
from myapi.users.models import User
from tests.cli.conftest import environment
from tests.faults.interrupted import Command, interrupt
from tests.faults.report import INTERRUPTED
from tests.fixtures import DATABASES, close, empty_database
from tests.revisions import FIRST, HEAD, REVISIONS
from tests.service import KEY

STATEMENTS = {"restore": 25, "upgrade": 12}  # at least so many on MySQL
NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
USERS = 3000

pytestmark = pytest.mark.faults_long


@pytest.fixture(params=DATABASES)
def url(request, tmp_path):
    """The URL of an empty database."""
    with empty_database(request, tmp_path) as url:
        yield url


@pytest.fixture
def kills(request):
    return request.config.getoption("kills")


@pytest.fixture
def app(url, tmp_path):
    app = create_app(Settings(secret_keys=(KEY,), database_url=url, instance_path=tmp_path))
    with app.app_context():
        migrate.init_app(app)
        yield app
    close(app)


@pytest.fixture
def command(url, request):
    """Make the `Command` of a flask command, on the database or on another one."""

    def command(*arguments, database_url=url, **surroundings):
        words = itertools.takewhile(str.isalpha, arguments)
        return Command(
            f"flask {' '.join(words)}, {request.node.callspec.params['url']}",
            [sys.executable, "-m", "flask", *arguments],
            environment(database_url=database_url, secret_keys=KEY),
            **surroundings,
        )

    return command


@contextmanager
def connected(url):
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def fill(url, first, users=USERS, sessions_each=1):
    """Add users with so many sessions each, the first id of both being `first`."""
    user = {"appid": "wx", "created_at": NOON}
    session = {"ip": "192.0.2.1", "user_agent": "phone", "created_at": NOON, "ended_at": None}
    tables = MetaData()
    with connected(url) as connection:
        tables.reflect(connection)
        for batch in batches(range(first, first + users)):
            rows = [{**user, "id": n, "public_id": f"u{n}", "openid": f"o{n}"} for n in batch]
            connection.execute(insert(tables.tables["users"]), rows)
        for batch in batches(range(first, first + users * sessions_each)):
            rows = [
                {
                    **session,
                    "id": n,
                    "public_id": f"s{n}",
                    "user_id": first + (n - first) // sessions_each,
                    "token_digest": n.to_bytes(32, "big"),
                    "code_digest": n.to_bytes(32, "big"),
                }
                for n in batch
            ]
            connection.execute(insert(tables.tables["sessions"]), rows)


def batches(numbers, size=10_000):
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


def contents(url):
    """Return the first id and the numbers of users and sessions, and the revision."""
    with connected(url) as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").all() == [("ok",)]
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        return (
            connection.scalar(select(func.min(User.id))),
            connection.scalar(select(func.count()).select_from(User)),
            connection.scalar(select(func.count()).select_from(Session).join(User)),
            connection.scalar(text("SELECT version_num FROM alembic_version")),
        )


def report(record_property, command, kills):
    for row in interrupt(command, kills):
        record_property(INTERRUPTED, row)


def test_restore(app, url, command, tmp_path, kills, record_property):
    runner = app.test_cli_runner()
    old, new = (tmp_path / f"{name}{'.db' if 'sqlite' in url else '.sql'}" for name in ("a", "b"))
    migrate.upgrade()
    for file, first in ((old, 1), (new, 100_000)):
        with connected(url) as connection:
            connection.execute(text("DELETE FROM sessions"))
            connection.execute(text("DELETE FROM users"))
        fill(url, first)
        assert runner.invoke(args=["backup", str(file)]).exit_code == 0
    known = {(1, USERS, USERS, HEAD): "old", (100_000, USERS, USERS, HEAD): "new"}
    restore = command(
        *("restore", str(new), "--yes"),
        prepare=lambda: runner.invoke(args=["restore", str(old), "--yes"], catch_exceptions=False),
        state=lambda: known.get(found := contents(url), str(found)),
    )
    report(record_property, restore, kills)


def test_upgrade(app, url, command, kills, record_property):
    flask_migrate.upgrade(revision=FIRST)
    fill(url, 1)

    def prepare():
        flask_migrate.downgrade(revision=FIRST)

    # Each migration is applied whole, so a run that is killed may end after any of them.
    known = {(1, USERS, USERS, revision): f"at {revision}" for revision in REVISIONS}
    known |= {(1, USERS, USERS, FIRST): "old", (1, USERS, USERS, HEAD): "new"}
    upgrade = command(
        *("db", "upgrade"),
        prepare=prepare,
        state=lambda: known.get(found := contents(url), str(found)),
        allowed=tuple(known.values()),
    )
    report(record_property, upgrade, kills)


def test_copy(app, url, command, tmp_path, kills, record_property, migrated_sqlite):
    source = tmp_path / "source.db"
    shutil.copy(migrated_sqlite, source)
    fill(f"sqlite:///{source}", 1)

    def drop_all():
        with connected(url) as connection:
            tables = MetaData()
            tables.reflect(connection)
            tables.drop_all(connection)

    def state():
        assert contents(f"sqlite:///{source}") == (1, USERS, USERS, HEAD)
        with connected(url) as connection:
            names = inspect(connection).get_table_names()
        if not names:
            return "old"
        if MARKER.name in names:
            return "marked as unfinished"
        found = contents(url)
        return "new" if found == (1, USERS, USERS, HEAD) else str(found)

    copy = command(
        *("db", "copy", "--to", url),
        database_url=f"sqlite:///{source}",
        prepare=drop_all,
        state=state,
        allowed=("old", "marked as unfinished", "new"),
    )
    report(record_property, copy, kills)


@pytest.mark.parametrize(
    ("url", "what"),
    # SQLite's restore is one transaction of the driver, in which nothing can be counted.
    [("sqlite", "upgrade"), *itertools.product(["mariadb", "mysql"], STATEMENTS)],
    indirect=["url"],
)
def test_killed_before_each_statement_the_database_is_whole_and_the_next_run_ends_well(url, what):
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.killed", url, what],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "sqlite" in url or int(done.stdout) >= STATEMENTS[what]
