"""Work that is done right after a request has its answer, in a thread of the same process."""

import logging
import threading
from collections.abc import Callable

from flask import Flask

from myapi.concurrency import let_reads_first

log = logging.getLogger(__name__)


class Soon:
    """One thread of a process at most does the work of one kind; what comes meanwhile is its next.

    What it does not get to, because it ends with its process, the next run of the timer does.
    """

    def __init__(self, app: Flask, name: str, do_next: Callable[[], bool]) -> None:
        """`do_next` does one piece of the work; it returns False if none is due."""
        self._app = app
        self._name = name
        self._do_next = do_next
        #: Starts the work; the tests do it at once, in the thread that asks.
        self.start: Callable[[Callable[[], None]], None] = self._in_a_thread
        self._at_work = threading.Lock()
        self._asked = False

    def ask(self) -> None:
        """Start the thread, unless it is at work.

        A process that is frozen after its answer leaves the work to the timer: frozen in the middle
        of it, it would hold locks of the database that others wait for.
        """
        if self._app.extensions["settings"].frozen_when_idle:
            return
        self._asked = True
        if not self._at_work.locked():
            self.start(self._work)

    def _work(self) -> None:
        # `_asked` is looked at again after the lock is free, so no question is missed.
        while self._asked and self._at_work.acquire(blocking=False):
            try:
                self._asked = False
                while self._next():
                    pass
            except Exception:
                log.exception("%s failed", self._name, extra={"event": f"{self._name}_failed"})
            finally:
                self._at_work.release()

    def _next(self) -> bool:
        """Do one piece; False if none is due. Before it requests go, and the answer of this one.

        Each has an app context of its own: the database's deadline is for one context.
        """
        let_reads_first()
        with self._app.app_context():
            return self._do_next()

    def _in_a_thread(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=self._name, daemon=True).start()
