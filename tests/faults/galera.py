"""A Galera cluster of MariaDBs, each on a machine of its own, set up by the file of `deploy/`."""

from __future__ import annotations

import configparser
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pymysql

from myapi.settings import ROOT
from tests.faults.network import Machine
from tests.servers import MariaDB, ServerError

GROWTH = ROOT / "deploy" / "growth"
LIBRARY = Path("/usr/lib/galera/libgalera_smm.so")
POSITION = re.compile(r"WSREP: Recovered position: (\S+)")
USER = "mysql"  # Debian's; rsync takes no files over as root


class Node(MariaDB):
    """A MariaDB that begins a cluster, or joins it and is sent all data by another one."""

    timeout = 40.0

    @classmethod
    def available(cls) -> str | None:
        if not LIBRARY.exists():
            return f"{LIBRARY} not found: apt install galera-4"
        if shutil.which("rsync") is None:
            return "rsync not found: apt install rsync"
        return super().available()

    def __init__(self, machine: Machine, name: str, *, begins: bool) -> None:
        super().__init__(**_options(machine, name))
        machine.put(self)
        self.machine = machine
        self.port = 3306
        self._begins = begins
        self._start = ["--wsrep-new-cluster"] if begins else []

    def command(self) -> list[str]:
        return [*super().command(), *self._start]

    def prepare(self) -> None:
        if self._begins:
            super().prepare()
        else:
            self._configure()

    def come_back(self) -> None:
        """Start after a crash as systemd does: find out first how far it had come.

        So the others send what it missed, and not the whole database.
        """
        self._start = ["--wsrep-recover"]
        self._run(self.command())
        positions = POSITION.findall(self.log())
        if not positions:
            raise ServerError("there is no position to go on from")
        self._start = [f"--wsrep-start-position={positions[-1]}"]
        self.start()

    def ready(self) -> bool:
        try:
            return self.status("local_state_comment") == "Synced"
        except pymysql.MySQLError:
            return False

    def status(self, name: str) -> str:
        """Return what it says of itself and of its cluster."""
        return str(self.execute(f"SHOW STATUS LIKE 'wsrep_{name}'")[0][1])

    def _configure(self) -> None:
        super()._configure()
        (self.folder / "data").mkdir()
        for path in (self.folder, *self.folder.iterdir()):
            shutil.chown(path, USER)


@contextmanager
def cluster(machines: Sequence[Machine]) -> Iterator[list[Node]]:
    """Begin on the first machine, and have the others join."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(Node(machine, f"db{number}", begins=number == 1))
            for number, machine in enumerate(machines, 1)
        ]


def _options(machine: Machine, name: str) -> dict[str, str]:
    """Read the file, for one machine, and with a small cache."""
    file = configparser.ConfigParser()
    file.read(GROWTH / "galera.cnf", encoding="utf-8")
    given = dict(file["mariadbd"])
    given["wsrep_provider_options"] = given["wsrep_provider_options"].replace("512M", "32M")
    own = {"bind_address": machine.address, "wsrep_node_address": machine.address}
    return {**given, **own, "wsrep_node_name": name, "user": USER}
