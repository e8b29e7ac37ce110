"""The table of operators."""

from datetime import datetime

from sqlalchemy import Boolean, String
from sqlalchemy.orm import Mapped, mapped_column

from myapi.db.types import IDS_NEVER_REUSED, UtcDateTime, binary, exact, id_column
from myapi.extensions import Base

MAX_NAME = 64


class Operator(Base):
    """One link, and the cookie that it was exchanged for. Of both only digests are stored."""

    __tablename__ = "myapi_operators"
    __table_args__ = IDS_NEVER_REUSED

    id: Mapped[int] = id_column()
    appid: Mapped[str] = mapped_column(exact(32))
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    read_only: Mapped[bool] = mapped_column(Boolean)
    link_digest: Mapped[bytes] = mapped_column(binary(32), unique=True)
    cookie_digest: Mapped[bytes | None] = mapped_column(binary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the link was used up
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # by `revoke`, or signed out
