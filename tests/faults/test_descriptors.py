"""All file descriptors are taken by clients that say nothing, and given back."""

import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.requirements import need
from tests.servers import HOST, Server
from tests.service import wait_for

FEW = 64  # for each process of the service


class Prlimit(Server):
    programs = ("prlimit",)
    package = "util-linux"


@contextmanager
def taken(service):
    """Open connections until no process of the service can take one more."""
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
    # A new connection waits for one that is given back, so the probe keeps its own as well.
    with load(service, "no file descriptor left for 4 s", fresh=False) as phones:
        with taken(service):
            phones.go_on(4)
        phones.are_well_again()
    assert service.workers() == workers
    phones.kept_the_promise(refused={"service_unavailable", "wechat_unavailable"})
