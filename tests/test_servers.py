"""The servers of `tests.servers` start, answer, freeze and leave no process or file behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pymysql
import pytest
import redis
import requests
from sqlalchemy import make_url

from tests.mysql import RIGHTS, MySQL
from tests.requirements import need
from tests.servers import HOST, BlackHole, MariaDB, Nginx, Redis, ServerError

ROOT = Path(__file__).parent.parent
each_database = pytest.mark.parametrize("database", [MariaDB, MySQL])
HELLO = 'server { listen 127.0.0.1:@PORT@; location / { return 200 "hello"; } }'


@each_database
def test_database_keeps_its_data_across_a_restart(database: type[MariaDB]) -> None:
    need(database)
    with database(max_connections=17) as server:
        server.create_database("shop")
        server.execute("CREATE TABLE word (text VARCHAR(9))", database="shop")
        server.execute("INSERT INTO word VALUES (%s)", "🐼", database="shop")
        server.stop()
        with pytest.raises(pymysql.OperationalError):
            server.execute("SELECT 1")
        server.start()
        assert server.execute("SELECT text FROM word", database="shop") == [("🐼",)]
        assert server.execute("SELECT @@max_connections") == [(17,)]


@each_database
def test_database_keeps_committed_data_across_a_crash(database: type[MariaDB]) -> None:
    need(database)
    with database() as server:
        server.create_database("shop")
        server.kill()
        server.start()
        assert ("shop",) in server.execute("SHOW DATABASES")


@each_database
def test_database_has_its_own_temporary_folder(database: type[MariaDB]) -> None:
    need(database)
    with database() as server:
        (folder,) = server.execute("SELECT @@tmpdir")[0]
        assert Path(folder).parent == server.folder


@each_database
def test_failed_start_shows_the_cause_from_the_log_of_the_database(database: type[MariaDB]) -> None:
    need(database)
    with pytest.raises(ServerError, match="unknown variable 'no_such_option=1'"):
        database(no_such_option=1).start()


def test_mysql_is_8_0_and_logs_rows_as_a_managed_one_does() -> None:
    need(MySQL)
    with MySQL() as server:
        ((version, log, form, checks),) = server.execute(
            "SELECT version(), @@log_bin, @@binlog_format, @@gtid_mode"
        )
    assert (version[:4], log, form, checks) == ("8.0.", 1, "ROW", "ON")


def test_managed_user_of_mysql_may_do_nothing_outside_its_database() -> None:
    need(MySQL)
    with MySQL() as server:
        url = make_url(server.create_managed_user(server.create_database("shop")))
        grants = [row for (row,) in server.execute("SHOW GRANTS FOR managed")]
        login = {"host": HOST, "port": server.port, "user": url.username, "password": url.password}
        with pymysql.connect(**login, database="shop") as connection:
            connection.cursor().execute("CREATE TABLE word (id INT PRIMARY KEY)")
            for refused in ("CREATE DATABASE other", "LOCK TABLES word READ", "FLUSH TABLES"):
                with pytest.raises(pymysql.OperationalError, match="denied"):
                    connection.cursor().execute(refused)
    assert grants == [
        "GRANT USAGE ON *.* TO `managed`@`%`",
        f"GRANT {RIGHTS} ON `shop`.* TO `managed`@`%`",
    ]


def test_mysql_that_was_not_fetched_is_named_with_the_command_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tests.mysql.UNPACKED", tmp_path / "nowhere")
    monkeypatch.setattr("tests.mysql.REFUSED", tmp_path / "refused")
    monkeypatch.setattr("tests.mysql._installed", lambda: None)
    assert "make mysql" in str(MySQL.available())
    (tmp_path / "refused").write_text("the archive is not reached")
    assert MySQL.available() == "the archive is not reached"


def test_redis_loses_its_data_when_it_stops() -> None:
    need(Redis)
    with Redis() as server, redis.Redis.from_url(server.url, socket_timeout=5) as client:
        client.set("word", "kept")
        assert client.get("word") == b"kept"
        server.stop()
        server.start()
        assert client.get("word") is None


def test_frozen_server_does_not_answer_until_thawed() -> None:
    need(Redis)
    with Redis() as server, redis.Redis.from_url(server.url, socket_timeout=0.3) as client:
        client.ping()
        server.freeze()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.thaw()
        assert server.ready()


def test_frozen_server_can_be_stopped() -> None:
    need(Redis)
    with Redis() as server:
        server.freeze()
        before = time.monotonic()
        server.stop()
        assert time.monotonic() - before < server.timeout


def test_nginx_serves_its_configuration_and_removes_its_folder() -> None:
    need(Nginx)
    with Nginx(HELLO) as server:
        assert requests.get(server.url, timeout=5).text == "hello"
        folder = server.folder
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=5)
    assert not folder.exists()


def test_failed_start_shows_the_log_of_nginx() -> None:
    need(Nginx)
    with pytest.raises(ServerError, match='unknown directive "nonsense"'):
        Nginx("nonsense on;").start()


def test_black_hole_accepts_a_connection_and_never_answers() -> None:
    with BlackHole() as hole, socket.create_connection((HOST, hole.port), timeout=1) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.find_program", lambda _program: None)
    assert MariaDB.available() == "mariadbd not found: apt install mariadb-server"


def test_servers_end_when_the_test_process_is_killed() -> None:
    need(Nginx)
    code = f"""
import sys, time
from tests.servers import Nginx
server = Nginx({HELLO!r})
server.start()
print(server.port, server.folder, flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        port, folder = run.stdout.readline().split()
        requests.get(f"http://{HOST}:{port}", timeout=5)
        os.kill(run.pid, signal.SIGKILL)
    _wait_for(lambda: not Path(folder).exists())
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{HOST}:{port}", timeout=5)


def _wait_for(condition, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
