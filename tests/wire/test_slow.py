"""Slow clients, a thousand at once: honest ones are answered, and all is given back."""

import http.client
import shutil
import socket
import time
from pathlib import Path

import pytest

from tests.requirements import need
from tests.servers import HOST
from tests.service import wait_for
from tests.wire.conftest import served, to
from tests.wire.crowd import HELLO, KINDS, Crowd, Kind

WITHIN = 3.0  # s
DWELL = 2.0  # s


class ManyFiles:
    """File descriptors for a thousand clients and their other ends, and a way to count them."""

    WANTED = 4096

    @classmethod
    def available(cls):
        resource = pytest.importorskip("resource")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY and hard < cls.WANTED:
            return f"no {cls.WANTED} file descriptors here: raise `ulimit -Hn`"
        if not Path("/proc/self/fd").is_dir() or shutil.which("prlimit") is None:
            return "no /proc or no prlimit here: apt install util-linux"
        return None


@pytest.fixture(scope="module", autouse=True)
def many_files():
    """Raise the limit of this process for as long as these tests run."""
    need(ManyFiles)
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (ManyFiles.WANTED, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="module")
def phone(service):
    return service.sign_in("alice")


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_slow_clients_keep_nobody_waiting(straight, phone, kind):
    at_rest = held_by(straight.service)
    with Crowd(straight.connect, [KINDS[kind]]):
        assert slowest_beside(straight, phone) < WITHIN
    wait_for(lambda: held_by(straight.service) <= at_rest + SOME)


def test_a_thousand_slow_clients_of_all_kinds_keep_nobody_waiting_behind_nginx(behind_nginx, phone):
    at_rest = held_by(behind_nginx.service)
    with Crowd(behind_nginx.connect, list(KINDS.values())):
        assert slowest_beside(behind_nginx, phone) < WITHIN
    wait_for(lambda: held_by(behind_nginx.service) <= at_rest + SOME)


SOME = 70  # connections: Nginx keeps 32, the database's pool some


def slowest_beside(place, phone):
    """Return the most seconds that an honest call took, meanwhile."""
    took = []
    until = time.monotonic() + DWELL
    while time.monotonic() < until:
        for path in ("/api/hello", "/api/me"):
            started = time.monotonic()
            assert status(place, path, phone.token) == 200
            took.append(time.monotonic() - started)
    return max(took)


def status(place, path, token):
    connection = http.client.HTTPConnection("api.example.com")
    connection.sock = place.connect()
    connection.sock.settimeout(30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def held_by(service):
    """Return how many file descriptors the workers have."""
    folders = [Path(f"/proc/{worker}/fd") for worker in service.workers()]
    return sum(len(list(folder.iterdir())) for folder in folders)


# ---- who is too slow is sent away ----


@pytest.fixture(scope="module")
def hasty(migrated_sqlite, tmp_path_factory):
    """A service whose patience ends after a second."""
    folder = tmp_path_factory.mktemp("hasty")
    arguments = "--worker-class tests.wire.hasty.Worker"
    url = f"sqlite:///{migrated_sqlite}"
    with served(folder / "http.sock", arguments, database_url=url, workers=1) as service:
        yield service


def test_who_is_too_slow_is_sent_away(hasty):
    slow = [kind for name, kind in KINDS.items() if name != "drip an answer"]
    with Crowd(to(hasty), slow, 60) as crowd:
        wait_for(lambda: crowd.left == 0)
    assert [e for e in hasty.events() if e["level"] in {"error", "critical"}] == []


def test_who_reads_no_answer_is_sent_away(hasty):
    long = HELLO.replace(b"/api/hello", b"/metrics")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect((HOST, hasty.port))
        connection.settimeout(30)  # the kernel holds some megabytes of answers first
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_without_end(connection, long * 100)


def send_without_end(connection, data):
    while True:
        connection.sendall(data)


def test_an_end_of_file_descriptors_is_no_end_of_the_service(tmp_path, migrated_sqlite):
    few = ("prlimit", "--nofile=64:64")
    url = f"sqlite:///{migrated_sqlite}"
    arguments = "--worker-class tests.wire.hasty.Worker"
    with served(tmp_path / "http.sock", arguments, database_url=url, workers=1, wrapper=few) as one:
        workers = one.workers()
        with Crowd(to(one), [Kind(b"")], 80):
            wait_for(lambda: "no connection can be taken" in one.log())
            assert one.call("GET", "/api/hello").status_code == 200
        assert one.workers() == workers
