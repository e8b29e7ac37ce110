"""The service's own processes die or are replaced."""

import os
import signal

import pytest

from tests.faults.line import NO_ANSWER


@pytest.mark.parametrize("database", ["on_sqlite", "on_mariadb"])
def test_a_worker_is_killed(request, database, load):
    """What it had in hand gets no answer; the other one goes on, and a new one joins it."""
    service = request.getfixturevalue(database)()
    with load(service, f"a worker killed (-9), {database.removeprefix('on_')}") as phones:
        os.kill(min(service.workers()), signal.SIGKILL)
        phones.are_well_again()
    phones.kept_the_promise(failed={NO_ANSWER})
