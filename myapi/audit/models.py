"""The tables of what was done to users and the service, and of what happened in each hour."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from myapi.db.types import IDS_NEVER_REUSED, ON_MYSQL, UtcDateTime, exact, id_column
from myapi.extensions import Base

REASON_LENGTH = 200
NAME_LENGTH = 64  # of an actor
DETAILS_LENGTH = 500


class AuditEntry(Base):
    """Something that was done, and who did it.

    `user` is the public id of the user it was done to, without a foreign key: the row stays when
    the account is erased, and then names no user.
    """

    __tablename__ = "myapi_audit"
    __table_args__ = IDS_NEVER_REUSED

    id: Mapped[int] = id_column()
    appid: Mapped[str] = mapped_column(exact(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor_kind: Mapped[str] = mapped_column(exact(16))
    actor_name: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    event: Mapped[str] = mapped_column(exact(32))
    user: Mapped[str | None] = mapped_column(exact(24), index=True)
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    details: Mapped[str | None] = mapped_column(String(DETAILS_LENGTH))  # a JSON object


class HourCount(Base):
    """How often something happened in one hour, such as `login.ok`."""

    __tablename__ = "myapi_hours"
    __table_args__ = ON_MYSQL

    appid: Mapped[str] = mapped_column(exact(32), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    name: Mapped[str] = mapped_column(exact(64), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
