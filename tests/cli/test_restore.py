"""`flask restore PATH`: the database is the old one or the restored one, and never in between."""

import gzip
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import flask_migrate
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from myapi.db import migrate
from myapi.db.backup.leftovers import NEW, OLD
from myapi.extend import send_message
from myapi.extensions import db
from myapi.settings import ROOT
from tests.cli.conftest import command, environment
from tests.revisions import FIRST, HEAD

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_mysql = pytest.mark.parametrize("database_url", ["mariadb", "mysql"], indirect=True)

pytestmark = pytest.mark.on_mysql


@pytest.fixture
def backup(run, database_url, tmp_path):
    """Back up the database to a new file and return its path."""
    files = []

    def backup(**options):
        suffix = ".db" if "sqlite" in database_url else ".sql.gz"
        files.append(tmp_path / f"copy-{len(files)}{suffix}")
        run("backup", str(files[-1]), **options)
        return files[-1]

    return backup


@pytest.fixture
def copy(run, sign_in, backup):
    """A backup with alice. She was erased after it, and bob signed up."""
    alice = sign_in("alice")
    file = backup()
    run("users", "erase", alice.user["id"], "--yes")
    sign_in("bob")
    return file


@pytest.fixture
def users(run):
    """Return the ids of all users."""

    def users(**options):
        listed = json.loads(run("users", "list", "--json", **options).stdout)
        return [item["id"] for item in listed["items"]]

    return users


@pytest.fixture
def server(request, database_url):
    """The server of the database; None for SQLite."""
    parameters = request.node.callspec.params
    return None if "sqlite" in database_url else request.getfixturevalue(parameters["database_url"])


@pytest.fixture
def own_database(server, tmp_path):
    """The URL of an empty database, for a test that changes its schema."""
    if server is None:
        yield f"sqlite:///{tmp_path}/elsewhere/new.db"
    else:
        yield server.create_database("restored")
        server.execute("DROP DATABASE restored")


@pytest.fixture
def migrated(make_app, own_database):
    app = make_app(database_url=own_database)
    with app.app_context():
        migrate.upgrade()
    return app


def sql_on(app, *statements):
    with app.app_context(), db.engine.begin() as connection:
        for statement in statements:
            result = connection.execute(text(statement))
        return result.all() if result.returns_rows else None


def schema(app):
    """Return the definition of each table, without the counter of its ids."""
    with app.app_context(), db.engine.connect() as connection:
        return {
            name: re.sub(
                r" AUTO_INCREMENT=\d+",
                "",
                connection.exec_driver_sql(f"SHOW CREATE TABLE `{name}`").one()[1],
            )
            for name in inspect(connection).get_table_names()
        }


class TestOnBoth:
    def test_restore_replaces_all_data_with_that_of_the_backup(self, run, users, copy):
        before = users()
        assert run("restore", str(copy), "--yes").stdout.startswith(f"{copy} is restored; ")
        assert len(users()) == 1
        assert users() != before

    def test_restore_brings_pictures_back(self, run, execute, sign_in, backup):
        alice = sign_in("alice")
        data = bytes(range(256)) * 1024  # as large as one can be
        execute(
            "INSERT INTO myapi_avatars (user_id, name, content_type, data, created_at)"
            " SELECT id, :name, 'image/png', :data, created_at FROM users",
            name="0" * 32,
            data=data,
        )
        file = backup()
        run("users", "erase", alice.user["id"], "--yes")
        run("restore", str(file), "--yes")
        served = alice.client.get(f"/avatars/{'0' * 32}")
        assert (served.data == data, served.headers["Content-Type"]) == (True, "image/png")

    def test_restore_ends_every_session(self, run, sign_in, backup):
        alice = sign_in("alice")
        file = backup()
        assert alice.post("/api/auth/logout").status_code == 200
        assert run("restore", str(file), "--yes").stdout.endswith("; 1 session ended\n")
        assert alice.get("/api/me").status_code == 401

    def test_restore_asks_for_confirmation(self, run, users, copy):
        before = users()
        run("restore", str(copy), code=1, input="n\n")
        assert users() == before

    @pytest.mark.parametrize("damage", ["other", "cut", "newer", "empty"])
    def test_damaged_or_foreign_file_changes_nothing(self, run, users, copy, damage, tmp_path):
        bad = tmp_path / f"bad{''.join(copy.suffixes)}"
        _DAMAGE[damage](copy, bad)
        before = users()
        said = run("restore", str(bad), "--yes", code=1).stderr
        assert re.search("not a backup|damaged|incomplete|cannot be read|does not know", said), said
        assert users() == before

    def test_backup_of_the_other_database_changes_nothing(
        self, run, users, copy, database_url, tmp_path
    ):
        other = tmp_path / "other"
        if "sqlite" in database_url:
            other.write_text("-- MariaDB dump\nCREATE TABLE `users` (\n  `id` int\n);\n")
        else:
            with closing(sqlite3.connect(other)) as connection:
                connection.execute("CREATE TABLE users (id)")
        before = users()
        said = run("restore", str(other), "--yes", code=1).stderr
        assert re.search("is not a backup of myapi|cannot be read", said), said
        assert users() == before

    def test_restore_works_into_an_empty_database(self, run, users, copy, make_app, own_database):
        runner = make_app(database_url=own_database).test_cli_runner()
        run("restore", str(copy), "--yes", via=runner)
        assert len(users(via=runner)) == 1

    def test_after_a_code_rollback_a_backup_of_the_newer_schema_can_be_restored(
        self, run, users, sign_in, execute, copy, backup
    ):
        execute("UPDATE alembic_version SET version_num = '9999'")
        newer = backup()
        before = users()
        sign_in("carol")
        run("restore", str(newer), "--yes")
        assert users() == before
        assert execute("SELECT version_num FROM alembic_version") == [("9999",)]
        execute("UPDATE alembic_version SET version_num = :head", head=HEAD)

    def test_backup_from_before_an_upgrade_can_be_restored_onto_the_newer_database(
        self, run, users, copy, execute
    ):
        execute("UPDATE alembic_version SET version_num = '9999'")
        run("restore", str(copy), "--yes")
        assert len(users()) == 1
        assert execute("SELECT version_num FROM alembic_version") == [(HEAD,)]

    def test_database_without_its_version_can_be_restored(self, run, users, copy, execute):
        execute("DELETE FROM alembic_version")
        run("restore", str(copy), "--yes")
        assert len(users()) == 1
        assert execute("SELECT version_num FROM alembic_version") == [(HEAD,)]

    def test_older_backup_gets_the_migrations_that_it_lacks(
        self, run, make_app, own_database, database_url, tmp_path, sign_in
    ):
        app = make_app(database_url=own_database)
        with app.app_context():
            migrate.init_app(app)
            flask_migrate.upgrade(revision=FIRST)
        sql_on(app, OLD_USER)
        older = tmp_path / ("older-copy.db" if "sqlite" in database_url else "older-copy.sql")
        runner = app.test_cli_runner()
        run("backup", str(older), via=runner)
        run("restore", str(older), "--yes", via=runner)
        assert sql_on(app, "SELECT version_num FROM alembic_version") == [(HEAD,)]
        assert sql_on(app, "SELECT openid FROM users") == [("o-alice",)]
        assert sign_in("bob", via=app.test_client()).user

    def test_too_little_disk_for_both_changes_nothing(self, run, users, copy, monkeypatch):
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1000))
        before = users()
        assert "too little room" in run("restore", str(copy), "--yes", code=1).stderr
        assert users() == before

    def test_service_that_runs_meanwhile_answers_from_the_restored_database(
        self, run, copy, sign_in, client
    ):
        dave = sign_in("dave")
        run("restore", str(copy), "--yes")
        assert dave.get("/api/me").status_code == 401
        assert sign_in("erin").get("/api/me").status_code == 200

    def test_two_restores_at_once_leave_a_whole_database(self, run, users, copy, flask_restore):
        results = [None, None]

        def restore(number):
            results[number] = flask_restore(copy)

        threads = [threading.Thread(target=restore, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 0 in [result.returncode for result in results]
        assert not any("Traceback" in result.stderr for result in results)
        assert len(users()) == 1
        run("restore", str(copy), "--yes")


@pytest.fixture
def flask_restore(flask, database_url):
    """Restore a backup in a new process."""

    def flask_restore(file):
        settings = {"database_url": database_url, "secret_keys": "k" * 32}
        return flask("restore", str(file), "--yes", **settings)

    return flask_restore


OLD_USER = (
    "INSERT INTO users (id, public_id, appid, openid, created_at)"
    " VALUES (7, 'of-alice', 'wx', 'o-alice', '2026-01-02 03:04:05')"
)


@only_sqlite
class TestSqlite:
    @pytest.fixture
    def database(self, app, tmp_path):
        """The file of the database, which no process has open any more."""

        def change(damage):
            with app.app_context():
                for engine in db.engines.values():
                    engine.dispose()
            damage(tmp_path / "myapi.db")
            return tmp_path / "myapi.db"

        return change

    def test_database_that_is_gone_is_restored(self, run, users, copy, database):
        database(Path.unlink)
        run("restore", str(copy), "--yes")
        assert len(users()) == 1

    def test_database_with_damaged_pages_is_restored(self, run, users, copy, database):
        def overwrite(file):
            data = file.read_bytes()
            file.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))

        database(overwrite)
        run("restore", str(copy), "--yes")
        assert len(users()) == 1

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
    def test_disk_that_fills_meanwhile_changes_nothing(self, users, copy, database_url, tmp_path):
        """A limit on the size of a file stands for the full disk; Python ignores its signal."""
        before = users()
        environ = environment(database_url=database_url, secret_keys="k" * 32)
        for blocks in (20, 60):
            done = subprocess.run(
                [
                    *("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh"),
                    *command("restore", str(copy), "--yes"),
                ],
                cwd=ROOT,
                env={**environ, "TMPDIR": str(tmp_path)},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 1
            assert re.search("cannot be written|database error", done.stderr), done.stderr
        assert users() == before

    def test_file_that_is_no_database_any_more_is_set_aside(self, run, users, copy, database):
        file = database(lambda file: file.write_bytes(b"\0garbage" * 4096))
        run("restore", str(copy), "--yes")
        assert len(users()) == 1
        (aside,) = file.parent.glob("myapi.db.damaged-*")
        assert aside.read_bytes().startswith(b"\0garbage")

    def test_nothing_is_left_beside_the_database(self, run, copy, tmp_path):
        (tmp_path / ".restore-killed").mkdir()
        (tmp_path / ".restore-killed" / "myapi.db").write_text("half of a database")
        before = {file.name for file in tmp_path.iterdir()} - {".restore-killed"}
        run("restore", str(copy), "--yes")
        assert {file.name for file in tmp_path.iterdir()} == before

    def test_restored_file_is_readable_only_by_its_owner(self, run, copy, database):
        file = database(Path.unlink)
        run("restore", str(copy), "--yes")
        assert file.stat().st_mode & 0o777 == 0o600


TEAM_TABLES = (
    "CREATE TABLE tags"
    " (id int PRIMARY KEY, `odd ``name` varchar(60) DEFAULT 'a;b' COMMENT 'x;''y')",
    "CREATE TABLE notes (id int PRIMARY KEY, user_id bigint NOT NULL, tag_id int,"
    " stars int, KEY ix_notes_stars (stars),"
    " CONSTRAINT fk_notes_owner FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,"
    " CONSTRAINT stars_are_few CHECK (stars < 6),"
    " FOREIGN KEY (tag_id) REFERENCES tags (id) ON DELETE SET NULL)",
)
FILL_TEAM_TABLES = (
    "INSERT INTO tags VALUES (1, 'it''s (1), (2); \\n-- x\\nINSERT INTO `users`')",
    "INSERT INTO notes SELECT id, id, 1, 5 FROM users",
)


@only_mysql
class TestMysql:
    @pytest.fixture
    def team(self, migrated, sign_in):
        """An app with tables of a team, one of which has a foreign key to users."""
        sql_on(migrated, *TEAM_TABLES)
        sign_in("alice", via=migrated.test_client())
        sql_on(migrated, *FILL_TEAM_TABLES)
        return migrated

    def test_team_tables_and_every_name_in_the_schema_come_back(self, run, team, tmp_path):
        runner, file = team.test_cli_runner(), str(tmp_path / "copy.sql")
        before = schema(team)
        tags = sql_on(team, "SELECT * FROM tags")
        run("backup", file, via=runner)
        sql_on(team, "DELETE FROM notes", "UPDATE alembic_version SET version_num = version_num")
        run("restore", file, "--yes", via=runner)
        assert schema(team) == before
        assert sql_on(team, "SELECT user_id, stars FROM notes JOIN users ON user_id = users.id")
        assert sql_on(team, "SELECT * FROM tags") == tags
        sql_on(team, "DELETE FROM users")
        assert sql_on(team, "SELECT * FROM notes") == []

    def test_tables_of_other_programs_stay_as_they_are(self, run, team, tmp_path):
        runner, file = team.test_cli_runner(), str(tmp_path / "copy.sql")
        sql_on(
            team, "CREATE TABLE wp_posts (id int PRIMARY KEY)", "INSERT INTO wp_posts VALUES (1)"
        )
        run("backup", file, via=runner)
        sql_on(team, "INSERT INTO wp_posts VALUES (2)", "CREATE TABLE wp_new (id int PRIMARY KEY)")
        run("restore", file, "--yes", via=runner)
        assert sql_on(team, "SELECT id FROM wp_posts") == [(1,), (2,)]
        assert "wp_new" in schema(team)

    def test_database_that_has_lost_tables_is_restored(self, run, users, team, tmp_path):
        runner, file = team.test_cli_runner(), str(tmp_path / "copy.sql")
        run("backup", file, via=runner)
        before = schema(team)
        lost = "DROP TABLE users, notes, alembic_version, tags"
        sql_on(team, "SET FOREIGN_KEY_CHECKS = 0", lost, "SET FOREIGN_KEY_CHECKS = 1")
        run("restore", file, "--yes", via=runner)
        assert schema(team) == before
        assert len(users(via=runner)) == 1

    def test_user_with_the_rights_of_a_managed_database_is_enough(
        self, run, users, team, server, own_database, make_app, tmp_path
    ):
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES"
        assert rights in (ROOT / "docs" / "restore.md").read_text()
        server.execute("DROP USER IF EXISTS managed@'%'")
        server.execute("CREATE USER managed@'%' IDENTIFIED BY 'word'")
        server.execute(f"GRANT {rights} ON restored.* TO managed@'%'")
        url = make_url(own_database).set(username="managed", password="word")
        runner = make_app(database_url=url.render_as_string(hide_password=False)).test_cli_runner()
        run("backup", str(tmp_path / "copy.sql.gz"), via=runner)
        run("restore", str(tmp_path / "copy.sql.gz"), "--yes", via=runner)
        assert len(users(via=runner)) == 1

    def test_dump_with_locks_as_former_versions_wrote_it_is_restored(
        self, run, users, copy, tmp_path
    ):
        lines = []
        for line in gzip.decompress(copy.read_bytes()).decode().splitlines():
            if table := re.match(r"INSERT INTO `(\w+)`", line):
                lines.append(f"LOCK TABLES `{table[1]}` WRITE;")
                lines.append(f"/*!40000 ALTER TABLE `{table[1]}` DISABLE KEYS */;")
            lines.append(line)
            if line.endswith(");") and not line.startswith(")"):
                lines.append("UNLOCK TABLES;")
        former = tmp_path / "former.sql"
        former.write_text("\n".join([*lines, ""]))
        run("restore", str(former), "--yes")
        assert len(users()) == 1

    def test_row_that_the_database_refuses_changes_nothing_and_is_not_shown(
        self, run, users, copy, tmp_path, execute
    ):
        text = gzip.decompress(copy.read_bytes()).decode()
        (openid,) = re.findall(r"'(\w{20,40})',NULL,NULL,NULL", text)[:1] or ("",)
        bad = tmp_path / "bad.sql"
        bad.write_text(re.sub(r"(INSERT INTO `users` VALUES\s*)(\(.*\));", r"\1\2,\2;", text))
        before = users()
        said = run("restore", str(bad), "--yes", code=1).stderr
        assert said.startswith("Error: the database refuses users: ")
        assert openid not in said or not openid
        assert users() == before
        assert temporary_tables(execute) == []

    def test_killed_restore_is_removed_by_the_next_one_and_is_in_no_backup(
        self, run, users, copy, backup, execute
    ):
        for name in (f"{NEW}1", f"{OLD}1"):
            execute(f"CREATE TABLE {name} LIKE users")
        between = backup()
        assert OLD not in gzip.decompress(between.read_bytes()).decode()
        run("restore", str(copy), "--yes")
        assert temporary_tables(execute) == []
        assert len(users()) == 1

    def test_killed_restore_is_finished_by_the_next_upgrade(self, run, execute):
        execute(f"CREATE TABLE {OLD}1 LIKE users")
        run("db", "upgrade")
        assert temporary_tables(execute) == []


def temporary_tables(execute):
    names = [name for (name,) in execute("SHOW TABLES")]
    return [name for name in names if name.startswith((NEW, OLD))]


def _newer(copy, bad):
    if copy.suffix == ".db":
        bad.write_bytes(copy.read_bytes())
        with closing(sqlite3.connect(bad)) as db:
            db.execute("UPDATE alembic_version SET version_num = '9999'")
            db.commit()
    else:
        bad.write_bytes(gzip.decompress(copy.read_bytes()).replace(f"'{HEAD}'".encode(), b"'9999'"))


_DAMAGE = {
    "other": lambda _copy, bad: bad.write_text("something else"),
    "cut": lambda copy, bad: bad.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2]),
    "newer": _newer,
    "empty": lambda _copy, bad: bad.touch(),
}


def test_message_that_was_queued_at_the_backup_is_not_sent_again(
    run, sign_in, backup, app, execute, wechat
):
    body = {"id": "12345678", "results": {"template-1": "accept"}}
    assert sign_in("alice").post("/api/me/messages", json=body).status_code == 200
    [(user_id,)] = execute("SELECT id FROM users")
    with app.app_context():
        send_message(user_id, "template-1", {"thing1": "tea"}, wait=False)
    file = backup()
    assert run("messages", "run").stdout.startswith("1 message sent")
    assert run("restore", str(file), "--yes").exit_code == 0
    rows = execute("SELECT state, error, content FROM myapi_messages")
    assert rows == [("unknown", "restored", None)]
    assert run("messages", "run").stdout.startswith("0 messages sent")
    assert sum(wechat.sandbox.messages_sent().values()) == 1
