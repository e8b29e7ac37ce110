"""MariaDB on its bad days: 503 and soon, reads where they can, well again by itself."""

import threading
import time
from contextlib import contextmanager, suppress

import pymysql
import pytest

from myapi.db.engines import PING_AFTER
from tests.faults.account import are_503, are_well, is_well_again
from tests.servers import HOST
from tests.service import is_error, wait_for

# ---- under load ----


def test_mariadb_is_stopped_and_started(on_mariadb, server, load):
    """Whoever needs it is told so at once; afterwards nobody has to restart anything."""
    with load(on_mariadb(), "MariaDB stopped for 2 s") as phones:
        server.stop()
        phones.go_on(2)
        server.start()
        phones.are_well_again()
    phones.kept_the_promise(refused={"service_unavailable"})


def test_mariadb_is_killed_and_started(on_mariadb, server, load):
    """What it had acknowledged is there again when it has recovered."""
    with load(on_mariadb(), "MariaDB killed (-9) and started") as phones:
        server.kill()
        server.start()
        phones.are_well_again()
    phones.kept_the_promise(refused={"service_unavailable"})


def test_mariadb_is_frozen_and_thawed(on_mariadb, server, load):
    """It holds its connections and says nothing, as on a machine that swaps or a dead network."""
    crowd = {"residents": 16, "visitors": 16, "slowly": 4}  # more than there are threads
    with load(on_mariadb(), "MariaDB frozen for 4 s", **crowd) as phones:
        server.freeze()
        phones.go_on(4)
        server.thaw()
        phones.are_well_again()
    phones.kept_the_promise(refused={"service_unavailable"})


def test_mariadbs_connections_are_cut(on_mariadb, server, load):
    """All of them, eight times in two seconds, as by a proxy or a failover."""
    with load(on_mariadb(), "MariaDB's connections cut 8 times") as phones:
        for _ in range(8):
            cut_connections(server)
            phones.go_on(0.25)
        phones.are_well_again()
    phones.kept_the_promise(refused={"service_unavailable"})


def test_another_client_makes_deadlocks(on_mariadb, server, load):
    """It locks sessions and then users, where an erasure does the reverse: one has to give way."""
    with load(on_mariadb(), "deadlocks with another client", visitors=6) as phones:
        with rival(server) as own_losses:
            wait_for(lambda: deadlocks(server) - len(own_losses) >= 5, seconds=20)
        phones.are_well_again()
    phones.kept_the_promise()


def cut_connections(server):
    of_the_service = "SELECT id FROM information_schema.processlist WHERE user = 'plain'"
    for (number,) in server.execute(of_the_service):
        with suppress(pymysql.MySQLError):  # it may have gone by itself
            server.execute(f"KILL {number}")


@contextmanager
def rival(server):
    """Lock many rows in the wrong order again and again, and tell how often that one lost."""
    enough, lost = threading.Event(), []

    def compete():
        with session(server) as connection, connection.cursor() as cursor:
            while not enough.is_set():
                cursor.execute("BEGIN")
                try:
                    cursor.execute("SELECT id FROM sessions FOR UPDATE")
                    time.sleep(0.02)
                    cursor.execute("SELECT id FROM users FOR UPDATE")
                except pymysql.OperationalError as error:
                    lost.append(error)
                cursor.execute("ROLLBACK")
                enough.wait(0.1)

    thread = threading.Thread(target=compete)
    thread.start()
    yield lost
    enough.set()
    thread.join()


def deadlocks(server):
    """Return how many MariaDB has resolved since its start."""
    ((_, count),) = server.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    return int(count)


# ---- call by call ----


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
        yield connection


@pytest.mark.parametrize("away", [stopped, frozen])
def test_mariadb_away_is_503_soon_and_well_when_it_is_back(account_on, server, mariadb_url, away):
    account = account_on(database_url=mariadb_url)
    time.sleep(PING_AFTER)  # so that connections are tried before they are used
    with away(server):
        for _ in range(2):
            are_503(*account.reads, *account.writes, account.readyz)
        forged = {"Authorization": f"Bearer {account.phone.token}x"}
        refused = account.service.call("GET", "/api/me", headers=forged)
        assert is_error(refused, 401, "token_invalid")
        assert account.service.call("GET", "/healthz").status_code == 200
    is_well_again(account)


@pytest.mark.parametrize("fault", [read_only, in_backup, rows_locked])
def test_mariadb_that_takes_no_writes_is_503_for_these_alone(
    account_on, server, mariadb_url, fault
):
    account = account_on(database_url=mariadb_url)
    with fault(server):
        are_503(*account.writes)
        are_well(*account.reads, account.readyz)
    is_well_again(account)
