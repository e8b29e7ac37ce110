"""Faults of MariaDB and MySQL 8.0: quick 503 for what needs it, and recovery without a restart."""

import threading
import time
from contextlib import contextmanager, suppress

import pymysql
import pytest

from myapi.db.mysql_connections import PING_AFTER
from tests.faults.account import assert_503, assert_ok, assert_recovered
from tests.faults.crowd import Crowd
from tests.faults.load import MAX_LATENCY, MAX_RECOVERY
from tests.servers import HOST
from tests.service import is_error, wait_for

MYSQL = pytest.param("mysql", marks=pytest.mark.faults_long)  # the same again takes a minute
pytestmark = pytest.mark.parametrize("server", ["mariadb", MYSQL], indirect=True)


def name(server):
    return type(server).__name__


# ---- under load ----


def test_mariadb_is_stopped_and_started(on_server, server, load):
    """Requests that need it get 503 quickly; afterwards no restart is needed."""
    with load(on_server(), f"{name(server)} stopped for 2 s") as phones:
        server.stop()
        phones.run_for(2)
        server.start()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"service_unavailable"})


def test_mariadb_is_killed_and_started(on_server, server, load):
    """After its recovery all acknowledged changes are there."""
    with load(on_server(), f"{name(server)} killed (-9) and started") as phones:
        server.kill()
        server.start()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"service_unavailable"})


def test_mariadb_is_frozen_and_thawed(on_server, server, load):
    """It keeps connections open and sends nothing, as on a swapping machine or dead network."""
    crowd = {"residents": 16, "visitors": 16, "pause_factor": 4}  # more users than threads
    with load(on_server(), f"{name(server)} frozen for 4 s", **crowd) as phones:
        server.freeze()
        phones.run_for(4)
        server.thaw()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"service_unavailable"})


def test_a_crowd_on_a_frozen_mariadb_is_refused_in_time_and_hello_goes_on(on_server, server):
    """288 clients, many more than connections: who waits for one is refused as early."""
    service = on_server()
    token = service.sign_in("alice").token
    ask = "GET {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n".format
    with (
        Crowd(service.port, ask("/api/me", token).encode(), 288) as crowd,
        Crowd(service.port, ask("/api/hello", token).encode(), 4) as passers_by,
    ):
        time.sleep(2)
        with frozen(server):
            frozen_at = time.monotonic()
            time.sleep(5)
        thawed_at = time.monotonic()
        time.sleep(MAX_RECOVERY + 2)
    in_flight = crowd.sent_between(frozen_at - MAX_LATENCY, frozen_at)
    assert {answer.status for answer in in_flight} <= {200, 503}
    meanwhile = crowd.sent_between(frozen_at, thawed_at - MAX_LATENCY)
    assert {answer.status for answer in meanwhile} == {503}
    # As the service saw it: the crowd of clients shares the processors with it.
    slowest = max(event["ms"] for event in service.events("request"))
    assert slowest < MAX_LATENCY * 1000
    greetings = passers_by.sent_between(frozen_at, thawed_at)
    assert {answer.status for answer in greetings} == {200}
    assert max(answer.seconds for answer in greetings) < 1
    later = crowd.sent_between(thawed_at + MAX_RECOVERY, time.monotonic())
    assert {answer.status for answer in later} == {200}


def test_mariadb_connections_are_cut(on_server, server, load):
    """All connections, eight times in two seconds, as by a proxy or a failover."""
    with load(on_server(), f"{name(server)}'s connections cut 8 times") as phones:
        for _ in range(8):
            cut_connections(server)
            phones.run_for(0.25)
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"service_unavailable"})


def test_another_client_causes_deadlocks(on_server, server, load):
    """It locks sessions and then users, an erasure the reverse, so one transaction is aborted."""
    fault = f"deadlocks with another client on {name(server)}"
    with load(on_server(), fault, visitors=6) as phones:
        with rival(server) as own_aborts:
            wait_for(lambda: deadlocks(server) - len(own_aborts) >= 5, seconds=20)
        phones.wait_until_recovered()
    phones.assert_promise_kept()


def cut_connections(server):
    of_the_service = "SELECT id FROM information_schema.processlist WHERE user = 'plain'"
    for (number,) in server.execute(of_the_service):
        with suppress(pymysql.MySQLError):  # it may have closed already
            server.execute(f"KILL {number}")


@contextmanager
def rival(server):
    """Lock many rows in the wrong order repeatedly; yield the errors when it was aborted."""
    done, aborts = threading.Event(), []

    def compete():
        with session(server) as connection, connection.cursor() as cursor:
            while not done.is_set():
                cursor.execute("BEGIN")
                try:
                    cursor.execute("SELECT id FROM sessions FOR UPDATE")
                    time.sleep(0.02)
                    cursor.execute("SELECT id FROM users FOR UPDATE")
                except pymysql.OperationalError as error:
                    aborts.append(error)
                cursor.execute("ROLLBACK")
                done.wait(0.1)

    thread = threading.Thread(target=compete)
    thread.start()
    yield aborts
    done.set()
    thread.join()


def deadlocks(server):
    """Return how many deadlocks the server has resolved since its start."""
    ((count,),) = server.execute(
        "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'"
    )
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
    """It accepts connections and does not answer."""
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
    """Another client holds the lock with which a backup starts."""
    with session(server, "FLUSH TABLES WITH READ LOCK"):
        yield


@contextmanager
def rows_locked(server):
    """Another client holds row locks in an open transaction."""
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
def test_mariadb_outage_is_503_and_recovers(account_on, server, server_url, away):
    account = account_on(database_url=server_url)
    time.sleep(PING_AFTER)  # so that connections are checked before use
    with away(server):
        for _ in range(2):
            assert_503(*account.reads, *account.writes, account.readyz)
        forged = {"Authorization": f"Bearer {account.phone.token}x"}
        refused = account.service.call("GET", "/api/me", headers=forged)
        assert is_error(refused, 401, "token_invalid")
        assert account.service.call("GET", "/healthz").status_code == 200
    assert_recovered(account)


@pytest.mark.parametrize("fault", [read_only, in_backup, rows_locked])
def test_mariadb_without_writes_is_503_for_writes_only(account_on, server, server_url, fault):
    account = account_on(database_url=server_url)
    with fault(server):
        assert_503(*account.writes)
        assert_ok(*account.reads, account.readyz)
    assert_recovered(account)
