"""The tables of sessions, and of the bans of erased accounts."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from myapi.db.types import (
    IDS_NEVER_REUSED,
    ON_MYSQL,
    UtcDateTime,
    binary,
    exact,
    id_column,
    user_id_column,
)
from myapi.extensions import Base


class Session(Base):
    """One login on one device. `liveness` says which sessions are live."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_user_id_ended_at", "user_id", "ended_at"),
        IDS_NEVER_REUSED,
    )

    id: Mapped[int] = id_column()
    public_id: Mapped[str] = mapped_column(exact(24), unique=True)
    user_id: Mapped[int] = user_id_column(index=False)
    token_digest: Mapped[bytes] = mapped_column(binary(32), unique=True)
    code_digest: Mapped[bytes] = mapped_column(binary(32), index=True)
    ip: Mapped[str] = mapped_column(exact(45))
    user_agent: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BannedOpenid(Base):
    """The ban of an erased account: only a keyed digest of (appid, openid) is stored."""

    __tablename__ = "banned_openids"
    __table_args__ = ON_MYSQL

    digest: Mapped[bytes] = mapped_column(binary(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
