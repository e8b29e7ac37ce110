"""Handle events as soon as WeChat has its answer, in a thread of the process that took them."""

import logging
import threading
from collections.abc import Callable

from flask import Flask

from myapi.concurrency import let_reads_first
from myapi.push import handling
from myapi.push.handlers import handle

log = logging.getLogger(__name__)


class Soon:
    """One thread of a process at most handles events; those that come meanwhile are its next.

    What it does not get to, because it ends with its process, the next `flask events run` does.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        #: Starts the work; the tests do it at once, in the thread that asks.
        self.start: Callable[[Callable[[], None]], None] = _in_a_thread
        self._at_work = threading.Lock()
        self._asked = False

    def ask(self) -> None:
        """Start the thread, unless it is at work."""
        self._asked = True
        if not self._at_work.locked():
            self.start(self._work)

    def _work(self) -> None:
        # `_asked` is looked at again after the lock is free, so no question is missed.
        while self._asked and self._at_work.acquire(blocking=False):
            try:
                self._asked = False
                while self._handle_next():
                    pass
            except Exception:
                log.exception("events could not be handled", extra={"event": "events_failed"})
            finally:
                self._at_work.release()

    def _handle_next(self) -> bool:
        """Handle an event; False if none is due. Before it requests go, and the answer to WeChat.

        Each has an app context of its own: the database's deadline is for one context.
        """
        let_reads_first()
        with self._app.app_context():
            return any(handling.handle_due(handle, limit=1))


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="events", daemon=True).start()
