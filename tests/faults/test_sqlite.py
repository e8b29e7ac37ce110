"""A SQLite file that another program holds, or that may not be written."""

import os
import sqlite3
import threading
from contextlib import closing, contextmanager

from tests.faults.account import are_503, are_well, file_of, is_well_again, slowest_hello_beside
from tests.faults.load import WITHIN
from tests.faults.people import WRITES

# ---- under load ----


def test_another_program_locks_the_file(on_sqlite, load):
    """For longer than anybody waits for it. Who reads does not notice."""
    service = on_sqlite()
    with load(service, "SQLite locked by another program for 4 s", visitors=8) as phones:
        with locked(service):
            phones.go_on(4)
        phones.are_well_again()
    phones.kept_the_promise(refused={"service_unavailable"})
    phones.only_refused(*WRITES)


# ---- call by call ----


@contextmanager
def locked(service):
    """Another process writes, and does not come to an end."""
    with closing(sqlite3.connect(file_of(service), isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_a_locked_file_is_503_for_writes_alone(account_on):
    account = account_on()
    unused = account.service.sign_in("bob")
    with locked(account.service):
        are_503(*account.writes)
        are_well(*account.reads, account.readyz)
        assert unused.get("/api/me").status_code == 200  # though its first use cannot be noted
    is_well_again(account)


def test_hello_answers_while_many_wait_for_a_locked_file(account_on):
    account = account_on()
    with locked(account.service):
        assert slowest_hello_beside(account, account.writes) < WITHIN
        are_well(*account.reads)
    is_well_again(account)


def test_a_write_waits_for_a_short_lock(account_on):
    account = account_on()
    with locked(account.service):
        answers = []
        write = threading.Thread(target=lambda: answers.append(account.writes[0]()))
        write.start()
        write.join(0.5)
        assert answers == []
    write.join()
    assert answers[0].status_code == 200


def test_a_read_only_file_is_503_for_writes_alone(account_on):
    bound_by_modes = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override")
    account = account_on(wrapper=bound_by_modes)
    file = file_of(account.service)
    file.chmod(0o444)
    account.service.reload()
    are_503(*account.writes)
    are_well(*account.reads, account.readyz)
    file.chmod(0o644)
    is_well_again(account)
