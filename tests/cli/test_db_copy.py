"""`flask db copy`: it copies all rows, can be interrupted, and overwrites no other data."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import create_engine, insert, inspect, select, text

from myapi import create_app
from myapi.auth.models import BannedOpenid, Session
from myapi.db.copy import database, sync, verification
from myapi.db.copy.target import MARKER
from myapi.extensions import Base, db
from myapi.settings import ROOT, Settings
from myapi.users.models import Avatar, User
from tests.cli.conftest import environment
from tests.fixtures import DATABASES, close, empty_database
from tests.raw_logins import ADVICE, PARTS, RAW_LOGINS
from tests.servers import BlackHole, free_port

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=timezone.utc)

sqlite_source = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# The flask command with small batches, so that it can be killed between two of them.
IN_SMALL_BATCHES = """
import runpy
from myapi.db.copy import database
database.BATCH_SIZE = 20
runpy.run_module("flask", run_name="__main__")
"""


@pytest.fixture(params=DATABASES)
def target(request, tmp_path):
    """The URL of an empty database."""
    with empty_database(request, tmp_path, "target") as url:
        yield url


@pytest.fixture
def in_target(target):
    """Run SQL on the target."""

    def in_target(sql, **values):
        engine = create_engine(target)
        with engine.begin() as connection:
            result = connection.execute(text(sql), values)
            found = result.all() if result.returns_rows else None
        engine.dispose()
        return found

    return in_target


@pytest.fixture
def fill(app):
    """Insert `count` users with a session each, with every kind of value."""

    def fill(count, first=1):
        users = [user(number) for number in range(first, first + count)]
        sessions = [session(number) for number in range(first, first + count)]
        bans = [
            {"digest": bytes([number % 256]) * 31 + b"\0", "created_at": NOON} for number in [7]
        ]
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(insert(User), users)
            connection.execute(insert(Session), sessions)
            if first == 1:
                connection.execute(insert(BannedOpenid), bans)

    return fill


def user(number, **given):
    return {
        "id": number,
        "public_id": f"user-{number}",
        "appid": "wx1",
        "openid": f"o{number}" if number % 2 else f"O{number}",
        "unionid": None if number % 3 else f"union-{number}",
        "nickname": "名字🙂" if number % 2 else None,
        "avatar_url": None,
        "session_key": bytes(range(number % 200)) if number % 5 else None,
        "session_key_at": NOON,
        "created_at": NOON + timedelta(microseconds=number),
        "banned_at": None if number % 4 else NOON,
        **given,
    }


def picture(number):
    """The largest picture there is, of all bytes."""
    return {
        "user_id": number,
        "name": f"{number:032x}",
        "content_type": "image/png",
        "data": bytes((each + number) % 256 for each in range(256)) * 1024,
        "created_at": NOON,
    }


def session(number):
    return {
        "public_id": f"session-{number}",
        "user_id": number,
        "token_digest": number.to_bytes(32, "big"),
        "code_digest": b"\xff\x00'\\" * 8,
        "ip": "2001:db8::1",
        "user_agent": "MicroMessenger 'x' \\ %s :y",
        "created_at": NOON,
        "last_seen_at": NOON if number % 2 else None,
        "ended_at": None,
    }


def contents(url):
    """Return all rows of all tables, read through the models."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }
    engine.dispose()
    return found


def tables(url):
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_copy_copies_all_rows_and_prints_the_counts(run, sign_in, fill, target, database_url):
    fill(30)
    sign_in("alice")
    result = run("db", "copy", "--to", target)
    assert contents(target) == contents(database_url)
    assert "users: 31 rows, SHA-256 " in result.stdout
    assert result.stdout.endswith("both databases hold the same rows\n")
    assert tables(target) == {*Base.metadata.tables, "alembic_version"}


def test_pictures_are_copied(run, app, fill, target, database_url, monkeypatch):
    fill(5)
    monkeypatch.setattr(database, "LARGE_BATCH_SIZE", 2)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(Avatar), [picture(number) for number in range(1, 6)])
    run("db", "copy", "--to", target)
    assert contents(target) == contents(database_url)


@sqlite_source
def test_tokens_stay_valid_and_new_users_get_free_ids(run, sign_in, fill, target, make_app):
    fill(3)
    phone = sign_in("alice")
    run("db", "copy", "--to", target)
    moved = make_app(database_url=target).test_client()
    assert moved.get("/readyz").status_code == 200
    assert moved.get("/api/me", headers=phone.headers).status_code == 200
    assert sign_in("bob", via=moved).user["id"] != phone.user["id"]


@sqlite_source
def test_second_copy_changes_nothing(run, fill, target):
    fill(3)
    first = run("db", "copy", "--to", target)
    assert run("db", "copy", "--to", target).stdout == first.stdout


@sqlite_source
def test_url_can_be_read_from_a_file(run, fill, target, tmp_path, database_url):
    fill(1)
    (tmp_path / "url").write_text(f"{target}\n")
    run("db", "copy", "--to-file", str(tmp_path / "url"))
    assert contents(target) == contents(database_url)


@sqlite_source
def test_empty_migrated_database_is_accepted_as_target(run, fill, target, database_url, tmp_path):
    fill(1)
    made = create_app(
        Settings(secret_keys=("k" * 32,), database_url=target, instance_path=tmp_path)
    )
    run("db", "upgrade", via=made.test_cli_runner())
    close(made)
    run("db", "copy", "--to", target)
    assert contents(target) == contents(database_url)


def test_table_without_a_model_is_copied(run, execute, target, in_target, fill):
    """Such as a table whose model was removed in this release, and which the next one drops."""
    fill(1)
    name = "left_over"
    for statement in (
        f"CREATE TABLE {name} (a INTEGER, b VARCHAR(20), c VARCHAR(9), PRIMARY KEY (a, b))",
        *(f"INSERT INTO {name} VALUES ({n % 3}, 'b{n}', NULL)" for n in range(1, 8)),
    ):
        execute(statement)
    try:
        refused = run("db", "copy", "--to", target, code=1)
        assert refused.stderr.strip().endswith(
            f"{name}: the target lacks the table, or has other columns"
        )
        in_target(
            f"CREATE TABLE {name} (a INTEGER, b VARCHAR(20), c VARCHAR(9), PRIMARY KEY (a, b))"
        )
        run("db", "copy", "--to", target)
        assert len(in_target(f"SELECT * FROM {name}")) == 7
    finally:
        execute(f"DROP TABLE {name}")


@sqlite_source
def test_migrated_target_without_one_of_the_tables_is_refused(run, execute, target, fill, make_app):
    fill(1)
    run("db", "upgrade", via=make_app(database_url=target).test_cli_runner())
    execute("CREATE TABLE left_over (id INTEGER PRIMARY KEY)")
    refused = run("db", "copy", "--to", target, code=1)
    assert "left_over: the target lacks the table" in refused.stderr


@sqlite_source
def test_referenced_row_that_differs_is_corrected(
    run, execute, target, in_target, fill, database_url
):
    """Even if a foreign key forbids deleting it."""
    fill(1)
    table = (
        "CREATE TABLE left_over (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL,"
        " FOREIGN KEY (user_id) REFERENCES users (id))"
    )
    execute(table)
    execute("INSERT INTO left_over VALUES (1, 1)")
    run("db", "copy", "--to", target, code=1)  # begins, and fails since the target lacks the table
    in_target(table)
    in_target(
        "INSERT INTO users (id, public_id, appid, openid, created_at)"
        " VALUES (1, 'x', 'x', 'x', '2026-01-01 00:00:00.000000')"
    )
    in_target("INSERT INTO left_over VALUES (1, 1)")
    run("db", "copy", "--to", target)
    assert contents(target) == contents(database_url)
    assert in_target("SELECT * FROM left_over") == [(1, 1)]


# ---- interrupted and run again ----


@sqlite_source
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_copy_continues_when_run_again(run, fill, target, in_target, database_url):
    fill(2000)
    copier = subprocess.Popen(
        [sys.executable, "-c", IN_SMALL_BATCHES, "db", "copy", "--to", target],
        cwd=ROOT,
        env=environment(database_url=database_url, secret_keys="k" * 32),
        stderr=subprocess.DEVNULL,
    )
    try:
        assert 0 < wait_for_rows(in_target, copier) < 2000
    finally:
        os.kill(copier.pid, signal.SIGKILL)
        copier.wait()
    assert 0 < in_target("SELECT count(*) FROM users")[0][0] < 2000, "it was killed in the middle"
    assert MARKER.name in tables(target)
    run("db", "copy", "--to", target)
    assert contents(target) == contents(database_url)
    assert MARKER.name not in tables(target)


def wait_for_rows(in_target, copier):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and copier.poll() is None:
        try:
            ((count,),) = in_target("SELECT count(*) FROM users")
        except Exception:  # the table does not exist yet
            count = 0
        if count:
            return count
        time.sleep(0.005)
    return 0


@pytest.fixture
def interrupted(run, fill, target, monkeypatch):
    """A copy that was interrupted after the first batches of the sessions."""
    fill(60)
    monkeypatch.setattr(database, "BATCH_SIZE", 20)
    real, written = sync._insert_in_transaction, []

    def write(database, schema, rows):
        if schema.name == "sessions" and written.count("sessions") == 2:
            raise KeyboardInterrupt
        written.append(schema.name)
        real(database, schema, rows)

    monkeypatch.setattr(sync, "_insert_in_transaction", write)
    run("db", "copy", "--to", target, code=130)
    monkeypatch.setattr(sync, "_insert_in_transaction", real)
    return target


def test_source_changes_after_an_interruption_are_copied(run, interrupted, execute, database_url):
    execute("DELETE FROM sessions WHERE user_id IN (3, 40)")
    execute("DELETE FROM users WHERE id IN (3, 40)")
    execute("UPDATE users SET nickname = 'new' WHERE id = 5")
    execute("UPDATE users SET openid = 'swap' WHERE id = 7")
    execute("UPDATE users SET openid = 'o7' WHERE id = 9")
    execute("UPDATE users SET openid = 'o9' WHERE id = 7")
    execute("UPDATE sessions SET ended_at = created_at WHERE user_id = 2")
    run("db", "copy", "--to", interrupted)
    assert contents(interrupted) == contents(database_url)


@sqlite_source
def test_user_erased_and_created_again_after_an_interruption_is_no_conflict(
    run, interrupted, execute, fill, database_url
):
    execute("DELETE FROM sessions WHERE user_id = 1")
    execute("DELETE FROM users WHERE id = 1")
    fill(1, first=100)
    execute("UPDATE users SET openid = 'o1' WHERE id = 100")
    run("db", "copy", "--to", interrupted)
    assert contents(interrupted) == contents(database_url)


@sqlite_source
def test_target_changes_after_an_interruption_are_corrected(
    run, interrupted, in_target, database_url
):
    in_target("UPDATE users SET nickname = 'x' WHERE id = 2")
    in_target("DELETE FROM users WHERE id = 4")
    in_target("UPDATE sessions SET user_id = 6 WHERE user_id = 5")
    run("db", "copy", "--to", interrupted)
    assert contents(interrupted) == contents(database_url)


@sqlite_source
def test_unfinished_copy_of_another_database_is_not_overwritten(
    run, interrupted, make_app, tmp_path
):
    before = contents(interrupted)
    other = make_app(database_url=f"sqlite:///{tmp_path}/other.db").test_cli_runner()
    run("db", "upgrade", via=other)
    result = run("db", "copy", "--to", interrupted, via=other, code=1)
    assert "the unfinished copy of another database" in result.stderr
    assert contents(interrupted) == before


@sqlite_source
def test_interrupted_migration_of_the_target_is_restarted(
    run, fill, target, in_target, database_url
):
    """MySQL cannot roll back an interrupted migration: it leaves tables without a revision."""
    fill(2)
    mark(in_target, target, database_url)
    in_target("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    in_target("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
    run("db", "copy", "--to", target)
    assert contents(target) == contents(database_url)


def mark(in_target, target, database_url):
    engine = create_engine(target)
    MARKER.create(engine)
    engine.dispose()


# ---- comparison ----


@sqlite_source
def test_row_changed_in_the_target_is_detected(run, fill, target, monkeypatch, in_target):
    """A server that rounds or cuts values, or another writer, would cause this."""
    fill(30)
    real = verification.verify

    def compare(*args):
        in_target("UPDATE users SET created_at = banned_at WHERE id = 12")
        in_target("UPDATE users SET nickname = 'x' WHERE id = 13")
        return real(*args)

    monkeypatch.setattr(verification, "verify", compare)
    result = run("db", "copy", "--to", target, code=1)
    assert "users: the row id = 12 differs in created_at. If anything writes" in result.stderr
    monkeypatch.setattr(verification, "verify", real)
    run("db", "copy", "--to", target)


@sqlite_source
def test_row_written_to_the_source_during_the_copy_is_detected(
    run, fill, target, monkeypatch, database_url
):
    fill(3)
    real = verification.verify

    def compare(*args):
        fill(1, first=50)
        return real(*args)

    monkeypatch.setattr(verification, "verify", compare)
    result = run("db", "copy", "--to", target, code=1)
    assert "users: the target lacks the row id = 50" in result.stderr
    monkeypatch.setattr(verification, "verify", real)
    run("db", "copy", "--to", target)
    assert contents(target) == contents(database_url)


def test_copy_is_a_snapshot(run, fill, target, monkeypatch):
    """Rows written after it began are not copied, so no session is copied without its user."""
    fill(3)
    real, seen = sync._insert_missing_rows, []

    def insert_missing_rows(source, to, schema, report):
        if schema.name == "users":
            source_writes()
        real(source, to, schema, report)
        seen.append((schema.name, to.count(schema)))

    def source_writes():
        fill(1, first=50)

    monkeypatch.setattr(sync, "_insert_missing_rows", insert_missing_rows)
    run("db", "copy", "--to", target, code=1)
    assert dict(seen)["sessions"] == 3


# ---- refused targets ----


@sqlite_source
def test_target_with_unknown_rows_is_refused(run, sign_in, target, make_app, fill):
    other = make_app(database_url=target)
    run("db", "upgrade", via=other.test_cli_runner())
    sign_in("stranger", via=other.test_client())
    before = contents(target)
    fill(3)
    result = run("db", "copy", "--to", target, code=1)
    assert "rows that are not from an unfinished copy of this database" in result.stderr
    assert contents(target) == before
    assert MARKER.name not in tables(target)


@sqlite_source
def test_copy_in_use_is_not_overwritten(run, sign_in, target, make_app, fill):
    fill(3)
    run("db", "copy", "--to", target)
    sign_in("later", via=make_app(database_url=target).test_client())
    before = contents(target)
    run("db", "copy", "--to", target, code=1)
    assert contents(target) == before


@sqlite_source
def test_target_with_other_tables_is_refused_and_unchanged(run, fill, target, in_target, tmp_path):
    fill(1)
    in_target("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    before = (tmp_path / "target.db").read_bytes() if "sqlite" in target else None
    result = run("db", "copy", "--to", target, code=1)
    assert result.stderr == ("Error: the target has tables that are not of this database: orders\n")
    assert tables(target) == {"orders"}
    if before is not None:
        assert (tmp_path / "target.db").read_bytes() == before


@pytest.mark.parametrize("revision", ["0000", "9999"])
@sqlite_source
def test_target_at_another_revision_is_refused(run, fill, target, in_target, revision):
    fill(1)
    in_target("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
    in_target("INSERT INTO alembic_version VALUES (:revision)", revision=revision)
    result = run("db", "copy", "--to", target, code=1)
    assert f"the target is at revision {revision}, and this code at " in result.stderr
    assert tables(target) == {"alembic_version"}


@sqlite_source
def test_unmigrated_source_is_refused(run, make_app, target, tmp_path):
    empty = make_app(database_url=f"sqlite:///{tmp_path}/empty.db").test_cli_runner()
    result = run("db", "copy", "--to", target, via=empty, code=1)
    assert "run `flask db upgrade`" in result.stderr
    assert tables(target) == set()


def test_source_as_target_is_refused(run, fill, database_url, tmp_path):
    fill(1)
    same = database_url
    if "sqlite" in same:
        (tmp_path / "link.db").symlink_to(tmp_path / "myapi.db")
        same = f"sqlite:///{tmp_path}/link.db"
    result = run("db", "copy", "--to", same, code=1)
    assert result.stderr == "Error: the target is the database itself\n"


@sqlite_source
@pytest.mark.parametrize("target", ["mariadb", "mysql"], indirect=True)
def test_row_that_does_not_fit_is_named_without_its_values(run, app, fill, target):
    """SQLite stores values that are too long for their column; MySQL refuses them."""
    fill(3)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(User), [user(4, nickname="secretive " * 9)])
    result = run("db", "copy", "--to", target, code=1)
    assert "users: the target refuses the row id = 4: Data too long" in result.stderr
    assert "secretive" not in result.output


@sqlite_source
class TestFailures:
    def test_wrong_password_is_one_error_line_without_the_password(
        self, flask, mariadb, database_url
    ):
        url = mariadb.create_database("elsewhere").replace(mariadb.password, "wr0ng-pass")
        result = flask("db", "copy", "--to", url, database_url=database_url)
        mariadb.execute("DROP DATABASE elsewhere")
        assert_one_line(
            result, "Error: the target cannot be opened: Access denied for user 'myapi'@"
        )
        assert "wr0ng-pass" not in result.stdout + result.stderr

    def test_unreachable_target_is_one_error_line(self, flask, database_url):
        url = f"mysql+pymysql://myapi:wr0ng-pass@127.0.0.1:{free_port()}/myapi"
        result = flask("db", "copy", "--to", url, database_url=database_url)
        assert_one_line(result, "Error: the target cannot be opened: Can't connect to MySQL server")
        assert "wr0ng-pass" not in result.stdout + result.stderr

    def test_unknown_driver_option_is_one_error_line(self, flask, database_url):
        with BlackHole() as hole:
            url = f"mysql+pymysql://myapi:wr0ng-pass@127.0.0.1:{hole.port}/myapi?speed=high"
            result = flask("db", "copy", "--to", url, database_url=database_url)
        assert_one_line(result, "Error: the target cannot be opened: ")
        assert "wr0ng-pass" not in result.stdout + result.stderr

    @pytest.mark.parametrize(
        "given",
        [
            [],
            ["--to", "sqlite:///x.db", "--to-file", __file__],
            ["--to", "postgresql://myapi:wr0ng-pass@127.0.0.1/myapi"],
            ["--to", "sqlite://"],
            ["--to-file", "/nowhere/url"],
        ],
    )
    def test_invalid_target_is_a_usage_error(self, run, given):
        assert "wr0ng-pass" not in run("db", "copy", *given, code=2).output

    @pytest.mark.parametrize("login", RAW_LOGINS)
    def test_raw_password_of_the_target_is_a_usage_error_and_not_shown(self, run, tmp_path, login):
        url = f"mysql+pymysql://{login}@127.0.0.1:1/shop"
        (tmp_path / "url").write_text(url)
        for given in (["--to", url], ["--to-file", str(tmp_path / "url")]):
            printed = run("db", "copy", *given, code=2).output
            assert f"Error: the target {ADVICE}" in printed
            assert not any(part in printed for part in PARTS)

    def test_file_that_is_no_database_is_one_error_line(self, run, tmp_path):
        (tmp_path / "text").write_text("no database " * 99)
        result = run("db", "copy", "--to", f"sqlite:///{tmp_path}/text", code=1)
        assert len(result.stderr.splitlines()) == 1
        assert (tmp_path / "text").read_text() == "no database " * 99


def assert_one_line(result, beginning):
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith(beginning), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@sqlite_source
def test_target_file_is_readable_only_by_its_owner(run, fill, tmp_path):
    fill(1)
    before = os.umask(0)
    try:
        run("db", "copy", "--to", f"sqlite:///{tmp_path}/private.db")
    finally:
        os.umask(before)
    if sys.platform != "win32":
        assert (tmp_path / "private.db").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / "private.db")) as copied:
        assert copied.execute("PRAGMA foreign_key_check").fetchall() == []
        assert copied.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@sqlite_source
def test_copy_shows_progress_on_a_terminal(run, fill, target, monkeypatch):
    fill(3)
    monkeypatch.setattr("myapi.cli.output.at_terminal", lambda: True)
    shown = run("db", "copy", "--to", target).stderr
    assert "\rusers: 3 of 3 rows copied" in shown
    assert "\rusers: 3 rows of the target compared" in shown
