"""`flask backup PATH`."""

import gzip
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from myapi.settings import SANDBOX_APPID


def rows(file):
    """Return all rows of a backup, after an integrity check."""
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        tables = ("users", "sessions", "banned_openids", "data_keys", "alembic_version")
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestSqlite:
    def test_backup_has_the_same_rows(self, run, sign_in, tmp_path):
        user = sign_in("alice").user["id"]
        run("users", "ban", user)
        run("users", "erase", user, "--yes")
        sign_in("bob")
        result = run("backup", str(tmp_path / "copy.db"))
        assert result.stdout.startswith(f"{tmp_path / 'copy.db'}: ")
        assert rows(tmp_path / "copy.db") == rows(tmp_path / "myapi.db")

    def test_service_runs_on_the_backup(self, run, sign_in, make_app, tmp_path):
        phone = sign_in("alice")
        run("backup", str(tmp_path / "copy.db"))
        restored = make_app(database_url=f"sqlite:///{tmp_path}/copy.db").test_client()
        assert restored.get("/api/me", headers=phone.headers).status_code == 200

    def test_backup_has_the_phone_number_and_its_old_access_token_stops_nobody(
        self, run, sign_in, make_app, wechat, tmp_path
    ):
        phone = sign_in("alice")
        assert phone.post("/api/me/phone", {"code": "phone-13911111122"}).status_code == 200
        run("backup", str(tmp_path / "copy.db"))
        wechat.sandbox.stable_token(SANDBOX_APPID, "secret", force_refresh=True)
        restored = make_app(database_url=f"sqlite:///{tmp_path}/copy.db")
        typed = {"via": restored.test_cli_runner(), "input": "13911111122\n"}
        found = run("users", "list", "--phone", "-", "--json", **typed).stdout
        assert phone.user["id"] in found
        answer = restored.test_client().post(
            "/api/me/phone", json={"code": "phone-13800000000"}, headers=phone.headers
        )
        assert answer.get_json()["data"]["phone"] == "138******00"

    def test_backup_during_writes_is_a_snapshot_and_blocks_no_write(self, run, sign_in, tmp_path):
        sign_in("first")
        stop, failures = threading.Event(), []

        def write():
            number = 0
            while not stop.is_set():
                try:
                    sign_in(f"user-{(number := number + 1) % 50}")
                except AssertionError as error:
                    failures.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(5):
                run("backup", str(tmp_path / f"{number}.db"))
        finally:
            stop.set()
            writer.join()
        copies = [rows(tmp_path / f"{number}.db") for number in range(5)]
        last = rows(tmp_path / "myapi.db")
        counts = [len(copy["sessions"]) for copy in [*copies, last]]
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]
        for copy in copies:
            assert {session[0] for session in copy["sessions"]} == set(
                range(1, len(copy["sessions"]) + 1)
            )
        assert failures == []

    def test_backup_never_overwrites_a_file(self, run, tmp_path):
        taken = tmp_path / "taken.db"
        taken.write_text("precious")
        result = run("backup", str(taken), code=1)
        assert result.stderr == f"Error: {taken}: the file already exists\n"
        assert taken.read_text() == "precious"
        run("backup", str(tmp_path), code=1)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    def test_backup_file_is_readable_only_by_its_owner(self, run, tmp_path):
        before = os.umask(0)
        try:
            run("backup", str(tmp_path / "copy.db"))
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600

    def test_failed_backup_leaves_no_file(self, run, tmp_path, monkeypatch):
        def full(_handle):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        assert run("backup", str(tmp_path / "copy.db"), code=1).stderr == (
            "Error: No space left on device\n"
        )
        assert not (tmp_path / "copy.db").exists()
        assert list(tmp_path.glob("*.part")) == []

    def test_file_created_during_the_backup_is_not_overwritten(self, run, tmp_path, monkeypatch):
        copy = tmp_path / "copy.db"
        monkeypatch.setattr(os, "fsync", lambda _handle: copy.write_text("precious"))
        run("backup", str(copy), code=1)
        assert copy.read_text() == "precious"

    def test_unmigrated_database_is_not_backed_up(self, make_app, run, tmp_path):
        app = make_app(database_url=f"sqlite:///{tmp_path}/empty.db")
        result = run("backup", str(tmp_path / "copy.db"), via=app.test_cli_runner(), code=1)
        assert result.stderr == (
            "Error: the database lacks a migration, run `flask db upgrade`"
            " (no such table: alembic_version)\n"
        )
        assert not (tmp_path / "copy.db").exists()

    def test_backup_shows_progress_on_a_terminal(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr("myapi.cli.output.at_terminal", lambda: True)
        assert "\rcopying to " in run("backup", str(tmp_path / "copy.db")).stderr


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
class TestMysql:
    def test_dump_has_every_user_and_is_readable_only_by_its_owner(self, run, sign_in, tmp_path):
        users = [sign_in(name).user["id"] for name in ("alice", "bob")]
        result = run("backup", str(tmp_path / "dump.sql"))
        text = (tmp_path / "dump.sql").read_text(encoding="utf-8", errors="replace")
        assert result.stdout.startswith(f"{tmp_path}/dump.sql: ")
        assert all(user in text for user in users)
        assert text.count("INSERT INTO `alembic_version`") == 1
        assert stat.S_IMODE((tmp_path / "dump.sql").stat().st_mode) == 0o600

    def test_dump_to_a_gz_file_is_compressed(self, run, sign_in, tmp_path):
        sign_in("alice")
        run("backup", str(tmp_path / "dump.sql.gz"))
        assert b"-- Dump completed" in gzip.decompress((tmp_path / "dump.sql.gz").read_bytes())

    def test_password_is_in_no_argument_of_the_dump_tool(self, run, mariadb, tmp_path, monkeypatch):
        started = []
        popen = subprocess.Popen
        monkeypatch.setattr(
            subprocess,
            "Popen",
            lambda command, **kw: started.append(command) or popen(command, **kw),
        )
        run("backup", str(tmp_path / "dump.sql"))
        (command,) = started
        assert not any(mariadb.password in word for word in command)
        assert not Path(command[1].partition("=")[2]).exists()  # the option file that held it

    def test_dump_locks_no_table_neither_when_it_is_made_nor_when_it_is_loaded(
        self, run, sign_in, tmp_path
    ):
        sign_in("alice")
        run("backup", str(tmp_path / "dump.sql"))
        assert "LOCK TABLES" not in (tmp_path / "dump.sql").read_text(encoding="utf-8")

    @pytest.mark.parametrize("password", ["plain", "#'\"\\n;`", " a b ", 'a\\"', '"'])
    def test_dump_works_with_any_password(
        self, make_app, run, mariadb, database_url, tmp_path, password
    ):
        quoted = password.replace("\\", "\\\\").replace("'", "\\'")
        mariadb.execute(f"CREATE OR REPLACE USER odd@'%' IDENTIFIED BY '{quoted}'")
        mariadb.execute("GRANT ALL ON myapi.* TO odd@'%'")
        url = make_url(database_url).set(username="odd", password=password)
        app = make_app(database_url=url.render_as_string(hide_password=False))
        run("backup", str(tmp_path / "dump.sql"), via=app.test_cli_runner())
        assert (tmp_path / "dump.sql").stat().st_size > 1000

    def test_failed_dump_leaves_no_file(self, run, tmp_path, monkeypatch):
        (tmp_path / "mariadb-dump").write_text(
            "#!/bin/sh\necho half; echo 'no way in' >&2; exit 2\n"
        )
        (tmp_path / "mariadb-dump").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        said = run("backup", str(tmp_path / "dump.sql"), code=1).stderr
        assert said == "Error: the dump failed: no way in\n"
        assert not (tmp_path / "dump.sql").exists()

    def test_missing_dump_tool_names_the_package_to_install(self, run, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        said = run("backup", str(tmp_path / "dump.sql"), code=1).stderr
        assert "mysqldump not found: apt install mariadb-client" in said
