"""What `flask backup PATH` does."""

import os
import shlex
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing

import pytest


def rows(file):
    """Return all there is in a copy that has been found whole."""
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        tables = ("users", "sessions", "banned_openids", "data_keys", "alembic_version")
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestSqlite:
    def test_the_copy_has_the_same_rows(self, run, sign_in, tmp_path):
        user = sign_in("alice").user["id"]
        run("users", "ban", user)
        run("users", "erase", user, "--yes")
        sign_in("bob")
        result = run("backup", str(tmp_path / "copy.db"))
        assert result.stdout.startswith(f"{tmp_path / 'copy.db'}: ")
        assert rows(tmp_path / "copy.db") == rows(tmp_path / "myapi.db")

    def test_a_service_runs_on_the_copy(self, run, sign_in, make_app, tmp_path):
        phone = sign_in("alice")
        run("backup", str(tmp_path / "copy.db"))
        restored = make_app(database_url=f"sqlite:///{tmp_path}/copy.db").test_client()
        assert restored.get("/api/me", headers=phone.headers).status_code == 200

    def test_beside_a_writer_it_is_of_one_moment_and_refuses_no_write(self, run, sign_in, tmp_path):
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

    def test_it_never_writes_over_a_file(self, run, tmp_path):
        taken = tmp_path / "taken.db"
        taken.write_text("precious")
        result = run("backup", str(taken), code=1)
        assert result.stderr == f"Error: {taken}: there is a file of that name already\n"
        assert taken.read_text() == "precious"
        run("backup", str(tmp_path), code=1)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    def test_the_copy_is_for_its_owner_alone(self, run, tmp_path):
        before = os.umask(0)
        try:
            run("backup", str(tmp_path / "copy.db"))
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600

    def test_it_has_its_name_only_when_whole(self, run, tmp_path, monkeypatch):
        def full(_handle):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        assert run("backup", str(tmp_path / "copy.db"), code=1).stderr == (
            "Error: No space left on device\n"
        )
        assert not (tmp_path / "copy.db").exists()
        assert list(tmp_path.glob("*.part")) == []

    def test_a_file_that_comes_up_meanwhile_is_left_alone(self, run, tmp_path, monkeypatch):
        copy = tmp_path / "copy.db"
        monkeypatch.setattr(os, "fsync", lambda _handle: copy.write_text("precious"))
        run("backup", str(copy), code=1)
        assert copy.read_text() == "precious"

    def test_a_database_that_is_not_ours_is_no_backup(self, make_app, run, tmp_path):
        app = make_app(database_url=f"sqlite:///{tmp_path}/empty.db")
        result = run("backup", str(tmp_path / "copy.db"), via=app.test_cli_runner(), code=1)
        assert result.stderr == (
            "Error: the database lacks a migration, run `flask db upgrade`"
            " (no such table: alembic_version)\n"
        )
        assert not (tmp_path / "copy.db").exists()

    def test_it_says_on_a_terminal_what_it_does(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr("myapi.cli.screen.at_terminal", lambda: True)
        assert "\rcopying to " in run("backup", str(tmp_path / "copy.db")).stderr


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
class TestMysql:
    def test_it_names_the_tool_which_makes_a_whole_dump(
        self, run, sign_in, mariadb, tmp_path, monkeypatch
    ):
        sign_in("alice")
        result = run("backup", str(tmp_path / "dump.sql"), code=1)
        assert mariadb.password not in result.output
        said = result.stderr.strip().partition(" run: ")[2]
        assert "--single-transaction" in said
        monkeypatch.setenv("MYSQL_PWD", mariadb.password)
        said = said.replace("mysqldump", "mariadb-dump").replace(" --password ", " ")
        subprocess.run(["sh", "-c", said], check=True, timeout=60)
        dump = tmp_path / "dump.sql"
        assert "INSERT INTO `users`" in dump.read_text(encoding="utf-8", errors="replace")
        assert stat.S_IMODE(dump.stat().st_mode) == 0o600

    def test_a_url_without_a_user_is_well(self, make_app, run):
        app = make_app(database_url="mysql+pymysql://db.example/the name")
        said = run("backup", "it's.sql", via=app.test_cli_runner(), code=1).stderr
        words = shlex.split(said.partition("(umask 077; ")[2].strip().removesuffix(")"))
        assert words[:3] == ["mysqldump", "--host=db.example", "--port=3306"]
        assert words[-2:] == ["--result-file=it's.sql", "the name"]
        assert not any(word.startswith("--user") for word in words)
