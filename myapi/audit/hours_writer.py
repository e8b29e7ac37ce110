"""Writes what a process has counted to `myapi_hours`: once a minute, and at its end.

A process that is killed loses what it has counted since; at most a minute.
"""

import atexit
import logging
import threading
import time

import sqlalchemy.exc
from flask import Flask

from myapi.audit import hours
from myapi.concurrency import let_reads_first
from myapi.observability.hourly import HourlyCounts

log = logging.getLogger(__name__)

EVERY = 60.0  # s


class HoursWriter:
    """Writes what one process has counted: each minute, and when the process ends."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._counts: HourlyCounts = app.extensions["hourly"]
        self._failing = False
        self._frozen_when_idle: bool = app.extensions["settings"].frozen_when_idle
        self._started = False
        self._written = time.monotonic()
        #: Starts writing, at the first count: after the fork of a worker. The tests do nothing.
        self.start = self._start
        self._counts.on_count = self._on_count

    def _on_count(self) -> None:
        if not self._started:
            self._started = True
            self.start()
        if self._frozen_when_idle and time.monotonic() - self._written > EVERY:
            self._written = time.monotonic()
            self.write()

    def _start(self) -> None:
        """A process that is frozen after its answer has no thread: it writes with a request.

        Frozen in the middle of writing, it would hold locks that others wait for.
        """
        atexit.register(self.write)
        if not self._frozen_when_idle:
            threading.Thread(target=self._write_each_minute, name="hours", daemon=True).start()

    def _write_each_minute(self) -> None:
        while True:
            time.sleep(EVERY)
            let_reads_first()
            self.write()

    def write(self) -> None:
        """Write what was counted. What the database refuses is kept for the next time.

        It raises nothing: it has nobody to tell.
        """
        counts = self._counts.take()
        if not counts:
            return
        try:
            with self._app.app_context():
                hours.add(counts)
        except Exception as error:
            self._counts.give_back(counts)
            if not self._failing:  # not each minute of an outage
                known = isinstance(error, sqlalchemy.exc.SQLAlchemyError)
                log.warning(
                    "the counts of this hour were not written, and are kept: %s",
                    str(getattr(error, "orig", None) or error) if known else type(error).__name__,
                    exc_info=None if known else error,
                    extra={"event": "hours_failed"},
                )
            self._failing = True
        else:
            self._failing = False
