"""Passwords in the URLs of the database and of Redis, as an operator sets them.

A raw character at which a parser would end the password is refused: the rest would become the host,
which error messages name. Percent-encoded, a password may hold every character.
"""

import sqlite3
from contextlib import closing
from urllib.parse import quote

import pymysql
import pytest
import redis

from tests.raw_logins import ADVICE, PARTS, RAW_URLS
from tests.requirements import need
from tests.servers import HOST, Redis, ServerError
from tests.service import Service, migrate

PASSWORD = "p@ss/w:o%r#d?[ ]'\"\\"


def test_service_does_not_start_with_a_raw_password_and_shows_no_part_of_it():
    need(Service)
    with pytest.raises(ServerError, match="ended with status 78") as failure:
        Service(**RAW_URLS).start()
    printed = str(failure.value)
    assert f"  - MYAPI_DATABASE_URL: {ADVICE}" in printed
    assert f"  - MYAPI_RATE_LIMIT_STORAGE_URL: {ADVICE}" in printed
    assert "Traceback" not in printed
    assert not any(part in printed for part in PARTS)


@pytest.fixture
def database(mariadb, tmp_path):
    """The URL of a migrated database whose user has PASSWORD."""
    mariadb.create_database("encoded")
    quoted = pymysql.converters.escape_string(PASSWORD)
    mariadb.execute(f"CREATE OR REPLACE USER encoded IDENTIFIED BY '{quoted}'")
    mariadb.execute("GRANT ALL ON encoded.* TO encoded")
    where = f"{HOST}:{mariadb.port}/encoded?charset=utf8mb4"
    yield migrate(f"mysql+pymysql://encoded:{quote(PASSWORD, safe='')}@{where}", tmp_path)
    mariadb.execute("DROP USER encoded")
    mariadb.execute("DROP DATABASE encoded")


@pytest.fixture
def counts():
    """A Redis that asks for PASSWORD."""
    need(Redis)
    with Redis() as server, redis.Redis(HOST, server.port) as client:
        client.config_set("requirepass", PASSWORD)
        client.execute_command("AUTH", PASSWORD)
        yield client


def test_encoded_password_serves_counts_backs_up_and_copies(serve, database, counts, tmp_path):
    port = counts.get_connection_kwargs()["port"]
    service = serve(
        database_url=database,
        rate_limit_storage_url=f"redis://:{quote(PASSWORD, safe='')}@{HOST}:{port}/0",
    )
    assert service.sign_in("alice").get("/api/me").status_code == 200
    assert counts.keys("*login*"), "the login was not counted in Redis"
    url = f"sqlite:///{tmp_path}/copy.db"
    for command in (
        ["db", "current"],
        ["backup", str(tmp_path / "dump.sql")],
        ["db", "copy", "--to", url],
        ["doctor", "--only", "database,pool"],
    ):
        done = service.flask(*command)
        assert done.returncode == 0, done.stderr
        assert "p@ss" not in done.stdout + done.stderr
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT COUNT(*) FROM users").fetchone() == (1,)
    assert "p@ss" not in service.log()
    assert quote(PASSWORD, safe="") not in service.log()


def test_copy_takes_an_encoded_password_of_its_target(serve, database, mariadb):
    service = serve()
    service.sign_in("alice")
    done = service.flask("db", "copy", "--to", database)
    assert done.returncode == 0, done.stderr
    assert mariadb.execute("SELECT COUNT(*) FROM encoded.users")[0][0] == 1
