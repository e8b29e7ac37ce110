"""A database whose schema is not the code's: none, older or newer."""

import sqlite3
from contextlib import closing

import pytest

from tests.faults.account import file_of
from tests.service import is_error


@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_a_database_without_tables_is_not_ready(serve, request, tmp_path, database):
    service = serve(database_url=_empty(database, request, tmp_path))
    assert is_error(service.call("GET", "/readyz"), 503, "service_unavailable")
    assert service.call("GET", "/api/hello").status_code == 200
    migrated = service.flask("db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr
    assert service.call("GET", "/readyz").status_code == 200
    assert service.login().status_code == 200


def test_an_older_revision_is_not_ready_and_an_unknown_one_is(serve):
    service = serve()
    for revision, status in [("0000", 200), ("from-a-later-release", 200)]:
        with closing(sqlite3.connect(file_of(service))) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        assert service.call("GET", "/readyz").status_code == status
    with closing(sqlite3.connect(file_of(service))) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
    assert is_error(service.call("GET", "/readyz"), 503, "service_unavailable")
    assert "newer than this code" in service.log()


def _empty(database, request, tmp_path):
    if database == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server = request.getfixturevalue("server")
    server.execute("CREATE OR REPLACE DATABASE empty CHARACTER SET utf8mb4")
    return server.url("empty")
