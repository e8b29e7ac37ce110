"""Simulated machines on a network: network namespaces joined by a bridge.

    with Network() as network:
        here, there = network.machine(1), network.machine(2)
        with here.entered(), there.put(Redis()) as server: ...

The host's network is not changed. A namespace lives as long as the process that holds it, which
ends with the tests.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.servers import Server

if TYPE_CHECKING:
    from typing_extensions import Self

S = TypeVar("S", bound=Server)
CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"


class Namespace(Server):
    """A process that holds a network namespace with only a loopback interface."""

    programs = ("unshare", "nsenter", "ip")
    package = "util-linux iproute2"

    @classmethod
    def available(cls) -> str | None:
        missing = super().available()
        if missing is not None:
            return missing
        tried = subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True)
        return "network namespaces need root" if tried.returncode else None

    def command(self) -> list[str]:
        return ["unshare", "--net", "sleep", "infinity"]

    def ready(self) -> bool:
        return Path(self.file).readlink() != Path(OWN).readlink()

    def start(self) -> None:
        super().start()
        self.ip("link", "set", "lo", "up")

    @property
    def file(self) -> str:
        return f"/proc/{self.pid}/ns/net"

    @property
    def enter(self) -> tuple[str, ...]:
        """The command prefix that runs a command in this namespace."""
        return ("nsenter", f"--net={self.file}", "--")

    def ip(self, *arguments: str) -> None:
        subprocess.run([*self.enter, "ip", *arguments], check=True)


class Machine:
    """A namespace with an address that the other machines can reach."""

    def __init__(self, lan: Namespace, own: Namespace, number: int) -> None:
        self._own = own
        self.address = f"10.0.0.{number}"
        self.wrapper = own.enter
        pair = ("link", "add", f"m{number}", "type", "veth", "peer", "name", "eth0")
        lan.ip(*pair, "netns", str(own.pid))
        lan.ip("link", "set", f"m{number}", "master", "lan", "up")
        own.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        own.ip("link", "set", "eth0", "up")

    def put(self, server: S) -> S:
        """Make a server run on this machine."""
        server.host, server.wrapper = self.address, self.wrapper
        return server

    @contextmanager
    def cut_off_from(self, machines: Sequence[Machine]) -> Iterator[None]:
        """Drop all packets from here to these machines: their connections fall silent."""
        addresses = [machine.address for machine in machines if machine is not self]
        for address in addresses:
            self._own.ip("route", "add", "blackhole", address)
        try:
            yield
        finally:
            for address in addresses:
                self._own.ip("route", "del", "blackhole", address)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Move this thread, and all threads and processes it starts, to this machine."""
        before = os.open(OWN, os.O_RDONLY)
        try:
            _set_namespace(self._own.file)
            yield
        finally:
            _set_namespace(f"/proc/self/fd/{before}")
            os.close(before)


class Network:
    """A network, empty at first, and its machines."""

    available = Namespace.available

    def __init__(self) -> None:
        self._stack = ExitStack()

    def machine(self, number: int) -> Machine:
        """Add a machine with the address 10.0.0.NUMBER."""
        return Machine(self._lan, self._stack.enter_context(Namespace()), number)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._lan = undo.enter_context(Namespace())
            self._lan.ip("link", "add", "lan", "type", "bridge")
            self._lan.ip("link", "set", "lan", "up")
            self._stack = undo.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()


def _set_namespace(file: str) -> None:
    """Move this thread into a network namespace; os.setns exists only from Python 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(file).open("rb") as opened:
        if libc.setns(opened.fileno(), CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), file)
