"""What happened in each hour: the table `myapi_hours`, which `hours_writer` fills."""

from collections import Counter
from datetime import datetime

from sqlalchemy import Insert, delete, func, insert, select
from sqlalchemy.dialects import mysql, sqlite

from myapi.audit.models import HourCount
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings
from myapi.observability.hourly import Counts

USERS = "users"  # the number of users when the hour began; no count of events


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
def add(tx: Transaction, counts: Counts) -> None:
    """Add what a process has counted."""
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
