"""One migration or restore at a time on MySQL, from however many machines: the others wait.

SQLite needs no such lock: there a migration, and the last step of a restore, is one transaction.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
from sqlalchemy import Connection, text

from myapi.language import localized

WAIT = 900  # s


@contextmanager
def exclusive(connection: Connection, wait: int = WAIT) -> Iterator[None]:
    """Hold the lock of the connection's database, on the connection that does the work.

    If the process is killed, the server ends its last statement and then the lock. Raises
    SQLAlchemy's TimeoutError if another one holds it for longer than `wait` seconds.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    database = connection.scalar(text("SELECT DATABASE()"))
    name = {"name": f"myapi {hashlib.sha256(str(database).encode()).hexdigest()[:32]}"}
    if connection.scalar(text("SELECT GET_LOCK(:name, :wait)"), name | {"wait": wait}) != 1:
        raise sqlalchemy.exc.TimeoutError(
            localized(
                "another migration or restore of this database has not ended",
                "此数据库的另一次迁移或恢复尚未结束",
            )
        )
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)
