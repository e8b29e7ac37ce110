"""The process, as Gunicorn knows it. Its main thread answers nothing, so it shows life always."""

import os
import time

from gunicorn.workers import base

from myapi import waits
from myapi.worker.loop import Loop
from myapi.worker.turns import Turns


class Worker(base.Worker):  # type: ignore[misc]  # Gunicorn has no types
    """Serves HTTP/1 without TLS, which is Nginx's."""

    alive: bool

    def init_process(self) -> None:
        self._loop = Loop(self)
        self._turns = Turns(self._loop, self.cfg.threads)
        super().init_process()

    def run(self) -> None:
        waits.serve_by(self._turns)
        self._loop.open(self._turns)
        self._turns.begin()
        while self.alive:
            self._be_there(1.0)
            if self.ppid != os.getppid():
                self.log.info("Parent changed, shutting down: %s", self)
                self.alive = False
        self._loop.wake()
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while self._loop.clients.are_there and time.monotonic() < deadline:
            self._be_there(0.05)
        for listener in self.sockets:
            listener.close()

    def count(self) -> None:
        """Count a request, and end with the last one that this worker is to answer."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
            self._turns.stir()

    def handle_exit(self, sig: int, frame: object) -> None:
        super().handle_exit(sig, frame)
        self._turns.stir()

    def _be_there(self, seconds: float) -> None:
        self.notify()
        self._turns.watch(seconds)
