"""A SQLite file that is locked by another program or read-only."""

import os
import sqlite3
import threading
from contextlib import closing, contextmanager

from tests.faults.account import (
    assert_503,
    assert_ok,
    assert_recovered,
    database_file,
    slowest_hello_during,
)
from tests.faults.load import MAX_LATENCY
from tests.faults.people import WRITES

# ---- under load ----


def test_file_is_locked_by_another_program(on_sqlite, load):
    """For longer than the time-out of a write. Reads succeed."""
    service = on_sqlite()
    with load(service, "SQLite locked by another program for 4 s", visitors=8) as phones:
        with locked(service):
            phones.run_for(4)
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"service_unavailable"})
    phones.assert_only_refused(*WRITES)


# ---- call by call ----


@contextmanager
def locked(service):
    """Another connection holds a write transaction open."""
    with closing(sqlite3.connect(database_file(service), isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_locked_file_is_503_for_writes_only(account_on):
    account = account_on()
    unused = account.service.sign_in("bob")
    with locked(account.service):
        assert_503(*account.writes)
        assert_ok(*account.reads, account.readyz)
        assert unused.get("/api/me").status_code == 200  # although its first use cannot be recorded
    assert_recovered(account)


def test_hello_answers_while_writes_wait_for_a_lock(account_on):
    account = account_on()
    with locked(account.service):
        assert slowest_hello_during(account, account.writes) < MAX_LATENCY
        assert_ok(*account.reads)
    assert_recovered(account)


def test_write_waits_for_a_short_lock(account_on):
    account = account_on()
    with locked(account.service):
        answers = []
        write = threading.Thread(target=lambda: answers.append(account.writes[0]()))
        write.start()
        write.join(0.5)
        assert answers == []
    write.join()
    assert answers[0].status_code == 200


def test_read_only_file_is_503_for_writes_only(account_on):
    bound_by_modes = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override")
    account = account_on(wrapper=bound_by_modes)
    file = database_file(account.service)
    file.chmod(0o444)
    account.service.reload()
    assert_503(*account.writes)
    assert_ok(*account.reads, account.readyz)
    file.chmod(0o644)
    assert_recovered(account)
