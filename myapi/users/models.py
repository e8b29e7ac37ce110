"""The tables of users, of their pictures, and of the codes for their phone numbers."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from myapi.db.types import (
    IDS_NEVER_REUSED,
    ON_MYSQL,
    SEALED,
    UtcDateTime,
    binary,
    exact,
    id_column,
    large_binary,
    user_id_column,
)
from myapi.extensions import Base


class User(Base):
    """An account: one person in one mini program."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("appid", "openid", name="uq_users_appid_openid"),
        # Regardless of case on both: see auth/search.py and migration 0008.
        Index("ix_myapi_users_nickname", "nickname"),
        IDS_NEVER_REUSED,
    )

    id: Mapped[int] = id_column()
    public_id: Mapped[str] = mapped_column(exact(24), unique=True)
    appid: Mapped[str] = mapped_column(exact(32))
    openid: Mapped[str] = mapped_column(exact(128))
    unionid: Mapped[str | None] = mapped_column(exact(128))
    nickname: Mapped[str | None] = mapped_column(String(32))
    # An https URL, or `avatars/<name>` of an uploaded picture: see users/avatar.py.
    avatar_url: Mapped[str | None] = mapped_column(String(512))
    # Only the newest session_key is valid, so the time when WeChat gave it is stored with it.
    session_key: Mapped[bytes | None] = mapped_column(binary(255), info=SEALED)
    session_key_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    banned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    phone: Mapped[bytes | None] = mapped_column(binary(255), info=SEALED)
    phone_digest: Mapped[bytes | None] = mapped_column(binary(32), index=True)
    # When the request came that set or removed it.
    phone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Avatar(Base):
    """The uploaded picture of a user. Its name is random, and another one for each picture."""

    __tablename__ = "myapi_avatars"
    __table_args__ = ON_MYSQL

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    name: Mapped[str] = mapped_column(exact(32), unique=True)
    content_type: Mapped[str] = mapped_column(exact(32))
    trace_id: Mapped[str | None] = mapped_column(exact(128), index=True)  # of WeChat's verdict
    data: Mapped[bytes] = mapped_column(large_binary())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PhoneCode(Base):
    """A code that a user has sent for a phone number: a keyed digest, for five minutes."""

    __tablename__ = "myapi_phone_codes"
    __table_args__ = ON_MYSQL

    digest: Mapped[bytes] = mapped_column(binary(32), primary_key=True)
    user_id: Mapped[int] = user_id_column()
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
