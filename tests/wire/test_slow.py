"""A thousand slow clients do not delay others, and their resources are freed."""

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

MAX_LATENCY = 3.0  # s
DURATION = 2.0  # s of requests beside the slow clients


class ManyFiles:
    """Enough file descriptors for a thousand clients and the server, and a way to count them."""

    WANTED = 4096

    @classmethod
    def available(cls):
        resource = pytest.importorskip("resource")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY and hard < cls.WANTED:
            return f"fewer than {cls.WANTED} file descriptors: raise `ulimit -Hn`"
        if not Path("/proc/self/fd").is_dir() or shutil.which("prlimit") is None:
            return "no /proc or no prlimit: apt install util-linux"
        return None


@pytest.fixture(scope="module", autouse=True)
def many_files():
    """Raise this process's limit during the tests of this module."""
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
def test_slow_clients_do_not_delay_others(straight, phone, kind):
    at_rest = open_descriptors(straight.service)
    with Crowd(straight.connect, [KINDS[kind]]):
        assert max_latency(straight, phone) < MAX_LATENCY
    wait_for(lambda: open_descriptors(straight.service) <= at_rest + SPARE)


def test_slow_clients_behind_nginx_do_not_delay_others(behind_nginx, phone):
    at_rest = open_descriptors(behind_nginx.service)
    with Crowd(behind_nginx.connect, list(KINDS.values())):
        assert max_latency(behind_nginx, phone) < MAX_LATENCY
    wait_for(lambda: open_descriptors(behind_nginx.service) <= at_rest + SPARE)


SPARE = 70  # descriptors that may stay open: Nginx keeps 32 connections, the database pool some


def max_latency(place, phone):
    """Send normal requests and return the longest latency in seconds."""
    latencies = []
    until = time.monotonic() + DURATION
    while time.monotonic() < until:
        for path in ("/api/hello", "/api/me"):
            started = time.monotonic()
            assert status(place, path, phone.token) == 200
            latencies.append(time.monotonic() - started)
    return max(latencies)


def status(place, path, token):
    connection = http.client.HTTPConnection("api.example.com")
    connection.sock = place.connect()
    connection.sock.settimeout(30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def open_descriptors(service):
    """Return how many file descriptors the workers have."""
    folders = [Path(f"/proc/{worker}/fd") for worker in service.workers()]
    return sum(len(list(folder.iterdir())) for folder in folders)


# ---- too slow clients are disconnected ----


@pytest.fixture(scope="module")
def short_timeout_service(migrated_sqlite, tmp_path_factory):
    """A service whose worker has a time-out of one second."""
    folder = tmp_path_factory.mktemp("short_timeout_service")
    arguments = "--worker-class tests.wire.short_timeout.Worker"
    url = f"sqlite:///{migrated_sqlite}"
    with served(folder / "http.sock", arguments, database_url=url, workers=1) as service:
        yield service


def test_too_slow_client_is_disconnected(short_timeout_service):
    slow = [kind for name, kind in KINDS.items() if name != "drip an answer"]
    with Crowd(to(short_timeout_service), slow, 60) as crowd:
        wait_for(lambda: crowd.left == 0)
    assert [e for e in short_timeout_service.events() if e["level"] in {"error", "critical"}] == []


def test_client_that_reads_no_response_is_disconnected(short_timeout_service):
    request = HELLO.replace(b"/api/hello", b"/metrics")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect((HOST, short_timeout_service.port))
        connection.settimeout(30)  # the kernel buffers some megabytes of responses first
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_without_end(connection, request * 100)


def send_without_end(connection, data):
    while True:
        connection.sendall(data)


def test_service_survives_running_out_of_file_descriptors(tmp_path, migrated_sqlite):
    few = ("prlimit", "--nofile=64:64")
    url = f"sqlite:///{migrated_sqlite}"
    arguments = "--worker-class tests.wire.short_timeout.Worker"
    options = {"database_url": url, "workers": 1, "wrapper": few}
    with served(tmp_path / "http.sock", arguments, **options) as service:
        workers = service.workers()
        with Crowd(to(service), [Kind(b"")], 80):
            wait_for(lambda: "no connection can be taken" in service.log())
            assert service.call("GET", "/api/hello").status_code == 200
        assert service.workers() == workers
