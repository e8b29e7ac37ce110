"""Silent clients take all file descriptors and release them."""

import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.requirements import need
from tests.servers import HOST, Server
from tests.service import wait_for

FEW = 64  # file descriptors per process of the service


class Prlimit(Server):
    programs = ("prlimit",)
    package = "util-linux"


@contextmanager
def taken(service):
    """Open connections until no process of the service can accept another."""
    with ExitStack() as stack:
        for _ in range(2 * FEW * len(service.workers())):
            stack.enter_context(socket.create_connection((HOST, service.port)))
        wait_for(lambda: all(descriptors(worker) == FEW for worker in service.workers()))
        yield


def descriptors(process):
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def test_all_file_descriptors_are_taken(on_sqlite, load):
    need(Prlimit)
    service = on_sqlite(wrapper=("prlimit", f"--nofile={FEW}:{FEW}"))
    workers = service.workers()
    # New connections wait for a free descriptor, so the prober keeps its connection too.
    with load(service, "no file descriptor left for 4 s", new_connections=False) as phones:
        with taken(service):
            phones.run_for(4)
        phones.wait_until_recovered()
    assert service.workers() == workers
    phones.assert_promise_kept(refused={"service_unavailable", "wechat_unavailable"})
