"""What is stored: users, their sessions, and what outlives a user. Small rules live here."""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from myapi.extensions import Base

ON_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}
# A call may still hold the id of a row that was deleted: it must not be somebody else's by then.
IDS_ONCE = {"sqlite_autoincrement": True, **ON_MYSQL}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python, a naive one with microseconds in the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=timezone.utc)


def _id() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer, "sqlite")


def _exact(length: int) -> TypeEngine[str]:
    """ASCII compared byte by byte; MySQL's default collation takes `a` and `A` for the same."""
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return String(length).with_variant(ascii_bin, "mysql")


def _bytes(length: int) -> TypeEngine[bytes]:
    return LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


class User(Base):
    """An account: one person in one mini program."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("appid", "openid", name="uq_users_appid_openid"), IDS_ONCE)

    id: Mapped[int] = mapped_column(_id(), primary_key=True)
    public_id: Mapped[str] = mapped_column(_exact(24), unique=True)
    appid: Mapped[str] = mapped_column(_exact(32))
    openid: Mapped[str] = mapped_column(_exact(128))
    unionid: Mapped[str | None] = mapped_column(_exact(128))
    nickname: Mapped[str | None] = mapped_column(String(32))
    avatar_url: Mapped[str | None] = mapped_column(String(512))
    # Sealed; the newest is the only valid one, so the time of its exchange stands beside it.
    session_key: Mapped[bytes | None] = mapped_column(_bytes(255))
    session_key_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    banned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Session(Base):
    """One login on one device. A row is live until it is ended, idle for long, or old."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_id_ended_at", "user_id", "ended_at"), IDS_ONCE)

    id: Mapped[int] = mapped_column(_id(), primary_key=True)
    public_id: Mapped[str] = mapped_column(_exact(24), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_digest: Mapped[bytes] = mapped_column(_bytes(32), unique=True)
    code_digest: Mapped[bytes] = mapped_column(_bytes(32), index=True)
    ip: Mapped[str] = mapped_column(_exact(45))
    user_agent: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BannedOpenid(Base):
    """A ban that outlives an erased account: a keyed digest is all that is left of it."""

    __tablename__ = "banned_openids"
    __table_args__ = ON_MYSQL

    digest: Mapped[bytes] = mapped_column(_bytes(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DataKey(Base):
    """A random key of the database's own, sealed, for digests that must outlive a rotation."""

    __tablename__ = "data_keys"
    __table_args__ = ON_MYSQL

    name: Mapped[str] = mapped_column(_exact(32), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(_bytes(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
