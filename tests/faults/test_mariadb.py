"""MariaDB on its bad days: 503 and soon, reads where they can, well again by itself."""

import time
from contextlib import contextmanager

import pymysql
import pytest

from myapi.engines import PING_AFTER
from tests.faults.account import are_503, are_well, is_well_again, slowest_hello_beside
from tests.faults.load import WITHIN
from tests.servers import HOST
from tests.service import at_once, is_error, wait_for


@contextmanager
def stopped(server):
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen(server):
    """It takes connections, and answers nothing."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()
        wait_for(server.ready)


@contextmanager
def read_only(server):
    server.execute("SET GLOBAL read_only = 1")
    try:
        yield
    finally:
        server.execute("SET GLOBAL read_only = 0")


@contextmanager
def in_backup(server):
    """It holds the lock with which a backup begins."""
    with session(server, "FLUSH TABLES WITH READ LOCK"):
        yield


@contextmanager
def rows_locked(server):
    """Somebody has begun a transaction, and gone to lunch."""
    with session(server, "BEGIN", "SELECT * FROM users JOIN sessions FOR UPDATE"):
        yield


@contextmanager
def session(server, *statements):
    with pymysql.connect(
        host=HOST, port=server.port, user=server.user, password=server.password, database="served"
    ) as connection:
        for statement in statements:
            connection.cursor().execute(statement)
        yield


@pytest.mark.parametrize("away", [stopped, frozen])
def test_mariadb_away_is_503_soon_and_well_when_it_is_back(account_on, server, mariadb_url, away):
    account = account_on(database_url=mariadb_url, threads=32)
    time.sleep(PING_AFTER)  # so that connections are tried before they are used
    with away(server):
        for _ in range(2):
            are_503(*account.reads, *account.writes, account.readyz)
        forged = {"Authorization": f"Bearer {account.phone.token}x"}
        refused = account.service.call("GET", "/api/me", headers=forged)
        assert is_error(refused, 401, "token_invalid")
        assert account.service.call("GET", "/healthz").status_code == 200
    is_well_again(account)


@pytest.mark.parametrize("away", [stopped, frozen])
def test_hello_answers_while_many_wait_for_mariadb(account_on, server, mariadb_url, away):
    account = account_on(database_url=mariadb_url)
    with away(server):
        assert slowest_hello_beside(account, [*account.reads, *account.writes]) < WITHIN
        are_503(account.reads[0])
    is_well_again(account)


def test_mariadb_is_found_again_after_a_crash(account_on, server, mariadb_url):
    account = account_on(database_url=mariadb_url)
    at_once(*account.reads * 4)  # so that there are several connections to lose
    server.kill()
    server.start()
    is_well_again(account)


@pytest.mark.parametrize("fault", [read_only, in_backup, rows_locked])
def test_mariadb_that_takes_no_writes_is_503_for_these_alone(
    account_on, server, mariadb_url, fault
):
    account = account_on(database_url=mariadb_url, threads=32)
    with fault(server):
        are_503(*account.writes)
        are_well(*account.reads, account.readyz)
    is_well_again(account)
