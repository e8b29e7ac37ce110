"""What users permit us to send, and what was sent."""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint
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

#: What `Message.state` may be. UNKNOWN: WeChat was asked, and its answer is not known.
WAITING, SENDING, SENT, FAILED, UNKNOWN = "waiting", "sending", "sent", "failed", "unknown"
STATES = (WAITING, SENDING, SENT, FAILED, UNKNOWN)
#: After this an unknown one was not sent, if WeChat has pushed no event of it.
CONFIRMED_WITHIN = timedelta(hours=1)


class Permission(Base):
    """How often a user has accepted a template, as told by two witnesses, and what it was used for.

    Both may miss some: what is left is the larger of the two less the messages.
    """

    __tablename__ = "myapi_permissions"
    __table_args__ = ON_MYSQL

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    template_id: Mapped[str] = mapped_column(exact(128), primary_key=True)
    by_events: Mapped[int] = mapped_column(Integer)
    by_phone: Mapped[int] = mapped_column(Integer)
    sent: Mapped[int] = mapped_column(Integer)  # the messages that are on their way included
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last "no"


class PermissionReport(Base):
    """A report that is counted: of the phone by its id, of WeChat by what its event says."""

    __tablename__ = "myapi_permission_reports"
    __table_args__ = (Index("ix_myapi_permission_reports_created_at", "created_at"), ON_MYSQL)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    digest: Mapped[bytes] = mapped_column(binary(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Message(Base):
    """A subscribe message. What it says is kept until WeChat has it."""

    __tablename__ = "myapi_messages"
    __table_args__ = (
        Index("ix_myapi_messages_state_next_at", "state", "next_at"),
        Index("ix_myapi_messages_user_id_state", "user_id", "state"),
        UniqueConstraint("user_id", "once"),
        IDS_NEVER_REUSED,
    )

    id: Mapped[int] = id_column()
    user_id: Mapped[int] = user_id_column(index=False)
    template_id: Mapped[str] = mapped_column(exact(128))
    once: Mapped[str | None] = mapped_column(exact(64))  # a user gets one message of this name
    content: Mapped[bytes | None] = mapped_column(large_binary(), info=SEALED)  # JSON
    state: Mapped[str] = mapped_column(exact(16))
    attempts: Mapped[int] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(exact(64))
    errcode: Mapped[int | None] = mapped_column(Integer)
    msgid: Mapped[str | None] = mapped_column(exact(32), index=True)  # WeChat's
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    # When it may be sent; while it is being sent, until when no other process sends to this user.
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
