"""Statistics of the service: users, sessions, the database."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select, text

from myapi.auth.liveness import is_live, limits
from myapi.auth.models import BannedOpenid, Session
from myapi.clock import now
from myapi.db import schema_version
from myapi.db.transactions import reading
from myapi.extensions import settings
from myapi.users.models import User

DAY = timedelta(days=1)

SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    "mysql": "SELECT SUM(data_length + index_length) FROM information_schema.tables"
    " WHERE table_schema = DATABASE()",
}


def gather() -> dict[str, dict[str, Any]]:
    """Count the users and sessions of our AppID.

    `ended` are all that are not live and not purged yet. Bans of erased accounts do not tell their
    AppID: all are counted.
    """
    with reading() as connection:
        return {
            "users": _row(connection, _users()),
            "sessions": _row(connection, _sessions()),
            "database": _database(connection),
        }


def _users() -> Select[Any]:
    erased = select(func.count()).select_from(BannedOpenid).scalar_subquery()
    return select(
        func.count().label("total"),
        _count(User.created_at > now() - DAY).label("new_24h"),
        _count(User.created_at > now() - 7 * DAY).label("new_7d"),
        _count(User.banned_at.is_not(None)).label("banned"),
        erased.label("banned_and_erased"),
    ).where(User.appid == settings().appid)


def _sessions() -> Select[Any]:
    live = is_live()
    counts = select(
        _count(live).label("live"),
        _count(~live).label("ended"),
        _count(Session.last_seen_at > now() - DAY).label("seen_24h"),
        _count(Session.last_seen_at > now() - 7 * DAY).label("seen_7d"),
    )
    return counts.join_from(Session, User).where(User.appid == settings().appid)


def _database(connection: Connection) -> dict[str, Any]:
    dialect = connection.dialect
    mariadb = getattr(dialect, "is_mariadb", False)
    return {
        "kind": "mariadb" if mariadb else dialect.name,
        "version": ".".join(map(str, dialect.server_version_info or ())),
        "size_bytes": int(connection.scalar(text(SIZE[dialect.name])) or 0),
        "revision": ", ".join(sorted(schema_version.applied(connection))),
    }


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _row(connection: Connection, statement: Select[Any]) -> dict[str, Any]:
    return dict(connection.execute(statement, limits(now())).mappings().one())
