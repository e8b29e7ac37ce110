"""A Galera cluster of MariaDB nodes, each on its own machine, with the file from `deploy/`."""

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
USER = "mysql"  # Debian's; the rsync transfer does not work as root


class Node(MariaDB):
    """A MariaDB node that bootstraps a cluster, or joins it and gets all data from another node."""

    timeout = 40.0

    @classmethod
    def available(cls) -> str | None:
        if not LIBRARY.exists():
            return f"{LIBRARY} not found: apt install galera-4"
        if shutil.which("rsync") is None:
            return "rsync not found: apt install rsync"
        return super().available()

    def __init__(self, machine: Machine, name: str, *, bootstraps: bool) -> None:
        super().__init__(**_options(machine, name))
        machine.put(self)
        self.machine = machine
        self.port = 3306
        self._bootstraps = bootstraps
        self._start = ["--wsrep-new-cluster"] if bootstraps else []

    def command(self) -> list[str]:
        return [*super().command(), *self._start]

    def prepare(self) -> None:
        if self._bootstraps:
            super().prepare()
        else:
            self._configure()

    def restart_after_crash(self) -> None:
        """Start after a crash as systemd does: first recover the position of the last write.

        The other nodes then send only the missed writes instead of the whole database.
        """
        self._start = ["--wsrep-recover"]
        self._run(self.command())
        positions = POSITION.findall(self.log())
        if not positions:
            raise ServerError("no recovered position in the log")
        self._start = [f"--wsrep-start-position={positions[-1]}"]
        self.start()

    def ready(self) -> bool:
        try:
            return self.status("local_state_comment") == "Synced"
        except pymysql.MySQLError:
            return False

    def status(self, name: str) -> str:
        """Return a `wsrep_` status variable of the node."""
        return str(self.execute(f"SHOW STATUS LIKE 'wsrep_{name}'")[0][1])

    def _configure(self) -> None:
        super()._configure()
        (self.folder / "data").mkdir()
        for path in (self.folder, *self.folder.iterdir()):
            shutil.chown(path, USER)


@contextmanager
def cluster(machines: Sequence[Machine]) -> Iterator[list[Node]]:
    """Bootstrap a cluster on the first machine; the others join."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(Node(machine, f"db{number}", bootstraps=number == 1))
            for number, machine in enumerate(machines, 1)
        ]


def _options(machine: Machine, name: str) -> dict[str, str]:
    """Return the options from the file, for one machine and with a small cache."""
    file = configparser.ConfigParser()
    file.read(GROWTH / "galera.cnf", encoding="utf-8")
    options = dict(file["mariadbd"])
    options["wsrep_provider_options"] = options["wsrep_provider_options"].replace("512M", "32M")
    own = {"bind_address": machine.address, "wsrep_node_address": machine.address}
    return {**options, **own, "wsrep_node_name": name, "user": USER}
