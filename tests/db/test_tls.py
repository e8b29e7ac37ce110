"""TLS to MariaDB and MySQL: with `ssl_ca` in the URL the server's certificate is verified."""

import pytest
import sqlalchemy.exc
from sqlalchemy import make_url, text

from myapi import create_app
from myapi.db.backup import dump
from myapi.db.transactions import reading
from myapi.settings import Settings
from tests.certificates import Authority
from tests.fixtures import KEY, close
from tests.mysql import MySQL
from tests.requirements import need
from tests.servers import HOST, MariaDB


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=[MariaDB, MySQL])
def database(request, authority):
    need(request.param)
    pair = authority.pair(HOST)
    with request.param(ssl_cert=pair.chain, ssl_key=pair.key) as server:
        yield server


@pytest.fixture
def cipher(database, tmp_path):
    """A function: connect as the service does, with `query` in the URL; return the TLS cipher."""

    def cipher(query):
        url = f"{database.url('information_schema')}&{query}".rstrip("&")
        app = create_app(Settings(secret_keys=(KEY,), database_url=url, instance_path=tmp_path))
        try:
            with app.app_context(), reading() as connection:
                return connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
        finally:
            close(app)

    return cipher


def test_certificate_of_the_ssl_ca_is_accepted(cipher, authority):
    assert cipher(f"ssl_ca={authority.file}")


def test_server_on_this_machine_is_not_offered_tls_unless_the_url_asks_for_it(cipher):
    assert not cipher("")
    assert cipher("ssl_check_hostname=false")


def test_certificate_of_another_authority_is_refused(cipher, tmp_path):
    other = Authority(tmp_path, "Another Root")
    with pytest.raises(sqlalchemy.exc.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        cipher(f"ssl_ca={other.file}")


def test_certificate_for_another_name_is_refused(authority, tmp_path):
    need(MariaDB)
    pair = authority.pair("db.example.com")
    with MariaDB(ssl_cert=pair.chain, ssl_key=pair.key) as server:
        url = f"{server.url('information_schema')}&ssl_ca={authority.file}"
        app = create_app(Settings(secret_keys=(KEY,), database_url=url, instance_path=tmp_path))
        with (
            app.app_context(),
            pytest.raises(sqlalchemy.exc.OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
            reading(),
        ):
            pass
        close(app)


@pytest.mark.parametrize(
    ("name", "error"), [(HOST, ""), ("db.example.com", "alidat|verif"), (None, "SSL")]
)
def test_dump_tools_verify_the_server_name(authority, tmp_path, name, error):
    """Otherwise they would send the password to an impostor."""
    need(MariaDB)
    pair = authority.pair(name) if name else None
    tls = {"ssl_cert": pair.chain, "ssl_key": pair.key} if pair else {}
    with MariaDB(**tls) as server:
        url = make_url(f"{server.create_database('copied')}&ssl_ca={authority.file}")
        if not error:
            dump.write(url, tmp_path / "copy.sql", tmp_path / "copy.sql")
            return
        with pytest.raises(dump.BackupError, match=error):
            dump.write(url, tmp_path / "copy.sql", tmp_path / "copy.sql")
