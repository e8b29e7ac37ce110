"""The service's own processes are killed or replaced."""

import os
import signal

import pytest

from tests.faults.client import NO_ANSWER


@pytest.mark.parametrize(("start", "name"), [("on_sqlite", "sqlite"), ("on_server", "mariadb")])
def test_worker_is_killed(request, start, name, load):
    """Its open requests get no answer; the other worker continues, and a new one is started."""
    service = request.getfixturevalue(start)()
    with load(service, f"a worker killed (-9) 3 times, {name}") as phones:
        kill_three(service)
        phones.wait_until_recovered()
    phones.assert_promise_kept(failed={NO_ANSWER})


def test_worker_is_killed_behind_nginx(behind_nginx, load):
    """Clients whose requests were open in that worker get 503 from Nginx."""
    service, connect = behind_nginx
    with load(service, "a worker killed (-9) 3 times, behind Nginx", connect=connect) as phones:
        kill_three(service)
        phones.wait_until_recovered()
    phones.assert_promise_kept(failed={"service_unavailable", NO_ANSWER})


def test_master_is_reloaded_behind_nginx(behind_nginx, load):
    """New workers take over without a failed request."""
    service, connect = behind_nginx
    with load(
        service, "the master reloaded (HUP) 3 times, behind Nginx", connect=connect
    ) as phones:
        for _ in range(3):
            service.reload()
            phones.run_for(0.5)
        phones.wait_until_recovered()
    phones.assert_promise_kept()


def test_all_workers_are_killed(on_server, load):
    """Requests get no answer until the master has started new workers."""
    service = on_server()
    with load(service, "all workers killed (-9) at once") as phones:
        for worker in service.workers():
            os.kill(worker, signal.SIGKILL)
        phones.wait_until_recovered()
    phones.assert_promise_kept(failed={NO_ANSWER})


def kill_three(service):
    """Kill three workers in turn; return before the third one is replaced."""
    for _ in range(2):
        service.kill_worker()
    os.kill(min(service.workers()), signal.SIGKILL)
