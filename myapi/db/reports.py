"""What programs beside the service have to say, the newest of each: the last backup, the doctor.

They run on a timer, perhaps on another machine; the console shows what they left here.
"""

import json
import logging
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy.exc
from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from myapi.clock import now
from myapi.db.transactions import Transaction, reading, write
from myapi.db.types import ON_MYSQL, UtcDateTime, exact, large_binary
from myapi.extensions import Base, settings

log = logging.getLogger(__name__)

WAIT = 5.0  # s for other writers
BACKUP, DOCTOR = "backup", "doctor"


class Report(Base):
    __tablename__ = "myapi_reports"
    __table_args__ = ON_MYSQL

    appid: Mapped[str] = mapped_column(exact(32), primary_key=True)
    name: Mapped[str] = mapped_column(exact(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    content: Mapped[bytes] = mapped_column(large_binary())  # JSON


class Latest(NamedTuple):
    at: datetime
    content: Any


def leave(name: str, content: object) -> None:
    """Store a report in the place of the one before.

    What made it has been done: a database that is away, or has no such table yet, fails nothing.
    """
    values = {"at": now(), "content": json.dumps(content).encode()}

    def work(tx: Transaction) -> None:
        tx.execute(delete(Report).where(*_ours(name)))
        tx.execute(insert(Report).values(appid=settings().appid, name=name, **values))

    try:
        write(work, wait=WAIT)
    except sqlalchemy.exc.SQLAlchemyError as error:
        log.info("the report of the %s is not stored: %s", name, type(error).__name__)


def latest(name: str) -> Latest | None:
    """Return the newest report of this name; None if there is none."""
    with reading() as connection:
        row = connection.execute(select(Report).where(*_ours(name))).first()
    return None if row is None else Latest(row.at, json.loads(row.content))


def _ours(name: str) -> tuple[ColumnElement[bool], ...]:
    return Report.appid == settings().appid, Report.name == name
