"""A database without tables, or with another schema revision than the code's."""

import sqlite3
from contextlib import closing

import pytest

from tests.faults.account import database_file
from tests.service import is_error


@pytest.mark.parametrize("database", ["sqlite", "mariadb", "mysql"])
def test_database_without_tables_is_not_ready(serve, request, tmp_path, database):
    service = serve(database_url=_empty(database, request, tmp_path))
    assert is_error(service.call("GET", "/readyz"), 503, "service_unavailable")
    assert service.call("GET", "/api/hello").status_code == 200
    migrated = service.flask("db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr
    assert service.call("GET", "/readyz").status_code == 200
    assert service.login().status_code == 200


def test_readyz_accepts_any_revision_and_refuses_none(serve):
    service = serve()
    for revision, status in [("0000", 200), ("from-a-later-release", 200)]:
        with closing(sqlite3.connect(database_file(service))) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        assert service.call("GET", "/readyz").status_code == status
    with closing(sqlite3.connect(database_file(service))) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
    assert is_error(service.call("GET", "/readyz"), 503, "service_unavailable")
    assert "newer than this code" in service.log()


def _empty(database, request, tmp_path):
    if database == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server = request.getfixturevalue(f"durable_{database}")
    return server.create_database("empty")
