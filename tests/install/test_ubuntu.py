"""A shorter install test on Ubuntu 22.04 and 24.04, if their archives can be reached."""

import time

import pytest

from tests.install.archive import JAMMY, NOBLE
from tests.install.figures import figure

# plugin.py deselects unavailable systems by these ids.
SYSTEMS = [pytest.param(system, id=system.suite) for system in (JAMMY, NOBLE)]


@pytest.fixture(scope="module", params=SYSTEMS)
def server(request, booted):
    return booted(request.param)


@pytest.fixture(scope="module")
def bare(server):
    return server.file_states(), server.packages()


@pytest.mark.usefixtures("bare")
def test_user_logs_in_over_https_after_one_command(server):
    began = time.monotonic()
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    server.log_in("alice")
    taken = time.monotonic() - began
    figure(server.system.name, "from a bare root file system to the first login", f"{taken:.1f} s")
    server.assert_complete()


def test_second_run_changes_nothing(server):
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout


def test_service_stays_below_the_promised_exposure(server):
    exposure = server.exposure("myapi.service")
    figure(server.system.name, "exposure of myapi.service (systemd-analyze)", exposure)
    assert exposure <= 2.0


def test_tls_matches_mozillas_intermediate_profile(server):
    done = server.run_sslyze()
    assert done.returncode == 0, done.stdout + done.stderr


def test_timers_purge_and_back_up(server):
    for unit in ("myapi-purge", "myapi-backup"):
        assert server.run("systemctl", "start", f"{unit}.service").returncode == 0
    assert any("daily-" in name for name in server.files("/var/lib/myapi/backups"))


def test_release_and_rollback_lose_no_request(server):
    first = server.current_release()
    server.change("# another release")
    done, calls = server.under_load("release", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.current_release() != first
    assert calls["failures"] == []
    done, calls = server.under_load("rollback", lambda: server.deploy("rollback"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.current_release() == first
    assert calls["failures"] == []


def test_service_survives_a_reboot(server):
    server.reboot()
    server.log_in("alice")


def test_purge_restores_the_machine(server, bare):
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stderr
    server.assert_unchanged_since(bare)
