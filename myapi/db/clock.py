"""The database's clock, on which the processes of several servers agree."""

from datetime import datetime

from sqlalchemy import Connection, text

from myapi.db.types import UtcDateTime

_NOW = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now') AS now",
    "mysql": "SELECT UTC_TIMESTAMP(6) AS now",
}


def database_now(connection: Connection) -> datetime:
    """Return the time of the database's server."""
    statement = text(_NOW[connection.dialect.name]).columns(now=UtcDateTime())
    now: datetime = connection.execute(statement).scalar_one()
    return now
