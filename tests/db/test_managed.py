"""A managed MySQL 8.0: TLS alone, a primary key in every table, a user of one database."""

import pytest
from sqlalchemy import create_engine, inspect

from tests.certificates import Authority
from tests.mysql import MySQL
from tests.requirements import need
from tests.servers import HOST
from tests.service import is_error


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def managed(authority):
    need(MySQL)
    pair = authority.pair(HOST)
    with MySQL(
        require_secure_transport="ON",
        sql_require_primary_key="ON",
        ssl_cert=pair.chain,
        ssl_key=pair.key,
    ) as server:
        yield server


@pytest.fixture
def url(managed, authority):
    """The URL of an empty database for its user; the certificate is verified."""
    url = managed.create_managed_user(managed.create_database("app"), tls=True)
    yield f"{url}&ssl_ca={authority.file}"
    managed.execute("DROP DATABASE app")


def flask(service, *arguments):
    done = service.flask(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_service_is_migrated_and_serves(serve, url):
    service = serve(database_url=url)
    flask(service, "db", "upgrade")
    phone = service.sign_in()
    assert phone.put("/api/me", json={"nickname": "😀"}).json()["data"]["nickname"] == "😀"
    assert phone.get("/api/auth/sessions").status_code == 200
    flask(service, "users", "ban", phone.user["id"])
    assert is_error(phone.get("/api/me"), 403, "user_banned")
    flask(service, "users", "erase", phone.user["id"], "--yes")
    flask(service, "sessions", "purge")
    assert "users" in flask(service, "stats")


def test_migrations_run_down_and_up_again(serve, url):
    service = serve(database_url=url)
    flask(service, "db", "upgrade")
    flask(service, "db", "downgrade", "base", "--yes")
    engine = create_engine(url)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
    flask(service, "db", "upgrade")
    assert service.login().status_code == 200


def test_sqlite_is_copied_into_it(serve, url):
    phone = serve().sign_in()
    assert "both databases hold the same rows" in flask(phone.service, "db", "copy", "--to", url)
    there = serve(database_url=url)
    assert phone.get("/api/me", at=there).json()["data"]["id"] == phone.user["id"]


def test_backup_is_made_and_restored(serve, url, tmp_path):
    service = serve(database_url=url)
    flask(service, "db", "upgrade")
    user = service.sign_in("alice").user["id"]
    flask(service, "backup", f"{tmp_path}/copy.sql.gz")
    flask(service, "users", "erase", user, "--yes")
    assert "1 session ended" in flask(service, "restore", f"{tmp_path}/copy.sql.gz", "--yes")
    assert service.sign_in("alice").user["id"] == user


def test_connection_without_tls_is_refused(serve, url):
    plain = url.partition("&ssl_ca")[0] + "&ssl_disabled=true"
    service = serve(database_url=plain)
    assert is_error(service.login(), 503, "service_unavailable")
