"""Install with a managed MySQL 8.0 as the database: another host, and a user of one database."""

import pymysql
import pytest

from tests.install import restores
from tests.install.archive import DEBIAN
from tests.mysql import MySQL
from tests.requirements import need


class ManagedMySQL(MySQL):
    """It runs on this machine, in the container's network, on an address that is not its own."""

    host = "127.0.0.2"

    def __init__(self, container):
        super().__init__()
        self.wrapper = tuple(container.on_its_network())

    def ready(self):
        return (self.folder / "socket").exists() and super().ready()

    def _connect(self, database=None):
        return pymysql.connect(
            unix_socket=f"{self.folder}/socket",
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
        )


@pytest.fixture(scope="module")
def server(booted):
    return booted(DEBIAN)


@pytest.fixture(scope="module")
def database(server):
    need(MySQL)
    with ManagedMySQL(server) as mysql:
        mysql.create_managed_user(mysql.create_database("shop"))
        yield mysql


def test_user_logs_in_on_a_managed_mysql_after_one_command(server, database):
    url = database.url("shop").replace(f"//{database.user}:", "//managed:")
    done = server.up("--database-url", url)
    assert done.returncode == 0, done.stdout + done.stderr
    server.log_in("alice")
    assert database.execute("SELECT count(*) FROM users", database="shop") == [(1,)]
    assert not (server.root / "usr/sbin/mariadbd").exists()


def test_backup_is_restored_as_the_page_says(server):
    file = restores.manual_backup(server)
    before = restores.users(server)
    assert server.run("myapi", "users", "erase", min(before), "--yes").returncode == 0
    restores.as_the_page_says(server, file)
    assert restores.users(server) == before
    server.log_in("alice")
