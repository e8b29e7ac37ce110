"""Machines on a network of their own: network namespaces, joined by a bridge.

    with Network() as network:
        here, there = network.machine(1), network.machine(2)
        with here.entered(), there.put(Redis()) as server: ...

The network of this machine is not touched. A namespace lives as long as the process that holds
it, which ends with the tests, however they end.
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
    """A process that holds a network namespace, with nothing but loopback in it."""

    programs = ("unshare", "nsenter", "ip")
    package = "util-linux iproute2"

    @classmethod
    def available(cls) -> str | None:
        missing = super().available()
        if missing is not None:
            return missing
        tried = subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True)
        return "no network namespaces here: be root" if tried.returncode else None

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
        """The command that runs the one after it in this namespace."""
        return ("nsenter", f"--net={self.file}", "--")

    def ip(self, *arguments: str) -> None:
        subprocess.run([*self.enter, "ip", *arguments], check=True)


class Machine:
    """A namespace with an address that the others reach."""

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
        """Have a server run here."""
        server.host, server.wrapper = self.address, self.wrapper
        return server

    @contextmanager
    def cut_off_from(self, machines: Sequence[Machine]) -> Iterator[None]:
        """Let nothing from here get to these: they see no end of a connection, but silence."""
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
        """Be on this machine: this thread, and the threads and processes that it starts."""
        before = os.open(OWN, os.O_RDONLY)
        try:
            _set_namespace(self._own.file)
            yield
        finally:
            _set_namespace(f"/proc/self/fd/{before}")
            os.close(before)


class Network:
    """An empty network to begin with, and its machines."""

    available = Namespace.available

    def __init__(self) -> None:
        self._stack = ExitStack()

    def machine(self, number: int) -> Machine:
        """Add one, with the address 10.0.0.NUMBER."""
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
    """Put this thread into a network namespace. Python's own os.setns is of 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(file).open("rb") as opened:
        if libc.setns(opened.fileno(), CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), file)
