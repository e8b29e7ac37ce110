"""The stacks: each is an app behind its own Nginx.

with Stack("FastAPI", FastAPI(data, wechat.url)) as stack:
    stack.url, stack.cpu(), stack.pss()
"""

from contextlib import ExitStack

from benchmarks import processes
from benchmarks.apps import App
from benchmarks.front import Front
from tests.servers import Server


class Stack:
    """An app behind its Nginx. An app that is already running is left running on exit."""

    def __init__(
        self, name: str, app: App, *, tls: bool = False, database: Server | None = None
    ) -> None:
        self.name, self.app, self.data = name, app, app.data
        self._tls, self._database = tls, database
        self.answered = 0  # requests so far; a JIT compiler needs thousands to warm up

    def __enter__(self) -> "Stack":
        with ExitStack() as opening:
            if not self.app.running:
                opening.enter_context(self.app)
            front = opening.enter_context(Front(self.app.socket, tls=self._tls))
            self._open = (
                opening.pop_all()
            )  # Nginx stops first, so that the app has no open connections
        self.url = front.url
        return self

    def __exit__(self, *_exc: object) -> None:
        self._open.close()

    def cpu(self) -> float:
        """Return the CPU time of the app's processes so far, in seconds."""
        return processes.cpu_seconds(self.app.process_ids())

    def database_cpu(self) -> float:
        """Return the CPU time of the database server so far, in seconds; 0 for SQLite."""
        return processes.cpu_seconds([self._database.pid]) if self._database else 0.0

    def pss(self) -> int:
        """Return the memory of the app's processes in bytes."""
        return processes.pss_bytes(self.app.process_ids())
