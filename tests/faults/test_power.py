"""The power of the whole machine is cut: what was not flushed to the disk is gone."""

import http.client

import pytest

from tests.faults.line import NO_ANSWER
from tests.faults.machine import Machine
from tests.requirements import need
from tests.servers import HOST


@pytest.mark.faults_long
def test_the_power_is_cut(migrated_sqlite, wechat, load):
    """Once under load, and once more before the database is read."""
    need(Machine)

    def connect():
        return http.client.HTTPConnection(HOST, machine.port, timeout=2)

    with Machine(migrated_sqlite, wechat) as machine:
        options = {"connect": connect, "operator": False, "database_url": machine.database}
        with load(machine, "the power cut (a virtual machine killed)", **options) as phones:
            machine.cut()
            written, found = machine.unsynced()
            assert found < written, "nothing was lost, so nothing is shown"
            machine.start()
            phones.are_well_again()
    assert phones.lost == []
    assert set(phones.failed) == {NO_ANSWER}
    # No time is asserted: the processor is an emulated one, so the first calls can be slow.
    assert set(phones.refused) <= {"service_unavailable"}
