"""The power of the whole machine is cut: data not synced to the disk is lost."""

import http.client

import pytest

from tests.faults.client import NO_ANSWER
from tests.faults.machine import VirtualMachine
from tests.requirements import need
from tests.servers import HOST


@pytest.mark.faults_long
def test_power_is_cut(migrated_sqlite, wechat, load):
    """Once under load, and again before the database is read."""
    need(VirtualMachine)

    def connect():
        return http.client.HTTPConnection(HOST, machine.port, timeout=2)

    with VirtualMachine(migrated_sqlite, wechat) as machine:
        options = {"connect": connect, "operator": False, "database_url": machine.database}
        with load(machine, "the power cut (a virtual machine killed)", **options) as phones:
            machine.cut()
            written, found = machine.unsynced()
            assert found < written, "the power cut lost no data, so the test shows nothing"
            machine.start()
            phones.wait_until_recovered()
    assert phones.lost == []
    assert set(phones.failed) == {NO_ANSWER}
    # No latency is asserted: the processor is emulated, so the first requests can be slow.
    assert set(phones.refused) <= {"service_unavailable"}
