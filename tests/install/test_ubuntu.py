"""The same on Ubuntu 22.04 and 24.04, in short; not where their archive cannot be reached."""

import time

import pytest

from tests.install.container import JAMMY, NOBLE
from tests.install.figures import figure

# By its id a system that cannot be built here is left out (conftest.py).
SYSTEMS = [pytest.param(system, id=system.suite) for system in (JAMMY, NOBLE)]


@pytest.fixture(scope="module", params=SYSTEMS)
def server(request, booted):
    return booted(request.param)


@pytest.fixture(scope="module")
def bare(server):
    return server.everything(), server.packages()


@pytest.mark.usefixtures("bare")
def test_a_user_logs_in_over_https_after_one_command(server):
    began = time.monotonic()
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    server.logs_in("alice")
    taken = time.monotonic() - began
    figure(server.system.name, "from a bare root file system to the first login", f"{taken:.1f} s")
    server.whole()


def test_once_more_changes_nothing(server):
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout


def test_the_service_stays_below_the_exposure_that_was_promised(server):
    exposure = server.exposure("myapi.service")
    figure(server.system.name, "exposure of myapi.service (systemd-analyze)", exposure)
    assert exposure <= 2.0


def test_sslyze_finds_it_to_be_mozillas_intermediate_profile(server):
    done = server.judged()
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_timers_do_their_work(server):
    for unit in ("myapi-purge", "myapi-backup"):
        assert server.run("systemctl", "start", f"{unit}.service").returncode == 0
    assert any("daily-" in name for name in server.files("/var/lib/myapi/backups"))


def test_a_release_and_a_rollback_lose_no_call(server):
    first = server.live()
    server.change("# another release")
    done, calls = server.under_load("release", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.live() != first
    assert calls["failures"] == []
    done, calls = server.under_load("rollback", lambda: server.deploy("rollback"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.live() == first
    assert calls["failures"] == []


def test_it_survives_a_reboot(server):
    server.reboot()
    server.logs_in("alice")


def test_purged_it_leaves_the_machine_as_it_was(server, bare):
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stderr
    server.is_as_it_was(bare)
