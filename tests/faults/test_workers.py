"""The service's own processes die or are replaced."""

import os
import signal

import pytest

from tests.faults.line import NO_ANSWER


@pytest.mark.parametrize("database", ["on_sqlite", "on_mariadb"])
def test_a_worker_is_killed(request, database, load):
    """What it had in hand gets no answer; the other one goes on, and a new one joins it."""
    service = request.getfixturevalue(database)()
    with load(service, f"a worker killed (-9) 3 times, {database.removeprefix('on_')}") as phones:
        kill_three(service)
        phones.are_well_again()
    phones.kept_the_promise(failed={NO_ANSWER})


def test_a_worker_is_killed_behind_nginx(behind_nginx, load):
    """A phone whose request was in hand there, whatever it was, is told to try again, by name."""
    service, connect = behind_nginx
    with load(service, "a worker killed (-9) 3 times, behind Nginx", connect=connect) as phones:
        kill_three(service)
        phones.are_well_again()
    phones.kept_the_promise(failed={"service_unavailable", NO_ANSWER})


def test_the_master_is_reloaded_behind_nginx(behind_nginx, load):
    """New workers take over, and nobody notices."""
    service, connect = behind_nginx
    with load(
        service, "the master reloaded (HUP) 3 times, behind Nginx", connect=connect
    ) as phones:
        for _ in range(3):
            service.reload()
            phones.go_on(0.5)
        phones.are_well_again()
    phones.kept_the_promise()


def test_all_workers_are_killed_at_once(on_mariadb, load):
    """There is nobody to answer until the master has made new ones."""
    service = on_mariadb()
    with load(service, "all workers killed (-9) at once") as phones:
        for worker in service.workers():
            os.kill(worker, signal.SIGKILL)
        phones.are_well_again()
    phones.kept_the_promise(failed={NO_ANSWER})


def kill_three(service):
    """Kill workers one after the other; the place of the last one is not taken yet."""
    for _ in range(2):
        service.kill_worker()
    os.kill(min(service.workers()), signal.SIGKILL)
