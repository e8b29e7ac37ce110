"""What happened in each hour: counted in memory, written to `myapi_hours` once a minute.

A process that is killed loses what it has counted since; at most a minute.
"""

import atexit
import logging
import threading
import time
from collections import Counter
from datetime import datetime

import sqlalchemy.exc
from flask import Flask
from sqlalchemy import Insert, delete, func, insert, select
from sqlalchemy.dialects import mysql, sqlite

from myapi.audit.models import HourCount
from myapi.concurrency import let_reads_first
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.observability.hourly import Counts, HourlyCounts

log = logging.getLogger(__name__)

EVERY = 60.0  # s
USERS = "users"  # the number of users when the hour began; no count of events


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
                _add(counts)
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


def by_hour(since: datetime) -> dict[datetime, Counter[str]]:
    """Return what happened in each hour of our AppID that began at `since` or later, oldest first.

    {hour: {"login.ok": 12, "login.rate_limited": 1, "signup": 2, "wechat.ok": 13}}

    An hour or a name without a count is not there. The last minute of each process is missing.
    """
    statement = (
        select(HourCount.hour, HourCount.name, HourCount.count)
        .where(HourCount.appid == settings().appid, HourCount.hour >= since)
        .where(HourCount.name != USERS)
        .order_by(HourCount.hour, HourCount.name)
    )
    found: dict[datetime, Counter[str]] = {}
    with reading() as connection:
        for hour, name, count in connection.execute(statement):
            found.setdefault(hour, Counter())[name] = count
    return found


def sum_since(since: datetime, name: str) -> int:
    """Return how often something of our AppID happened in the hours that began since then."""
    ours = (HourCount.appid == settings().appid, HourCount.hour >= since, HourCount.name == name)
    with reading() as connection:
        return int(connection.scalar(select(func.sum(HourCount.count)).where(*ours)) or 0)


def newest(name: str) -> tuple[datetime, int] | None:
    """Return the newest hour of our AppID that has this name, and its number."""
    ours = (HourCount.appid == settings().appid, HourCount.name == name)
    statement = select(HourCount.hour, HourCount.count).where(*ours)
    with reading() as connection:
        row = connection.execute(statement.order_by(HourCount.hour.desc()).limit(1)).first()
    return None if row is None else (row[0], row[1])


@transaction
def put(tx: Transaction, hour: datetime, name: str, number: int) -> None:
    """Store a number that is no count of events, in the place of the one before."""
    ours = (HourCount.appid == settings().appid, HourCount.hour == hour, HourCount.name == name)
    tx.execute(delete(HourCount).where(*ours))
    tx.execute(insert(HourCount), _rows({(hour, name): number}))


@transaction
def purge(tx: Transaction, before: datetime) -> int:
    """Delete the hours of our AppID that began before a time; return how many rows."""
    ours = (HourCount.appid == settings().appid, HourCount.hour < before)
    return changed(tx, delete(HourCount).where(*ours))


@transaction
def _add(tx: Transaction, counts: Counts) -> None:
    tx.execute(_upsert(tx.dialect.name), _rows(counts))


def _rows(counts: Counts) -> list[dict[str, object]]:
    """Return the rows in one order everywhere, so that processes do not wait in a circle."""
    appid = settings().appid
    return [
        {"appid": appid, "hour": hour, "name": name, "count": count}
        for (hour, name), count in sorted(counts.items())
    ]


def _upsert(dialect: str) -> Insert:
    if dialect == "sqlite":
        of_sqlite = sqlite.insert(HourCount)
        key = ("appid", "hour", "name")
        more = {"count": HourCount.count + of_sqlite.excluded.count}
        return of_sqlite.on_conflict_do_update(index_elements=key, set_=more)
    of_mysql = mysql.insert(HourCount)
    return of_mysql.on_duplicate_key_update(count=HourCount.count + of_mysql.inserted.count)
