"""The inbox: the events that WeChat has pushed."""

from datetime import datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from myapi.db.types import (
    IDS_NEVER_REUSED,
    SEALED,
    UtcDateTime,
    binary,
    exact,
    id_column,
    large_binary,
)
from myapi.extensions import Base

#: What `Event.state` may be. A failed one is tried no more, unless an operator asks for it.
WAITING, DONE, FAILED = "waiting", "done", "failed"


class Event(Base):
    """An event of WeChat. Its digest stays longer than its text: a push may be replayed."""

    __tablename__ = "myapi_events"
    __table_args__ = (
        Index("ix_myapi_events_state_next_at", "state", "next_at"),
        IDS_NEVER_REUSED,
    )

    id: Mapped[int] = id_column()
    appid: Mapped[str] = mapped_column(exact(32))
    digest: Mapped[bytes] = mapped_column(binary(32), unique=True)
    user_digest: Mapped[bytes | None] = mapped_column(binary(32), index=True)
    name: Mapped[str] = mapped_column(exact(64))
    text: Mapped[bytes | None] = mapped_column(large_binary(), info=SEALED)  # JSON
    state: Mapped[str] = mapped_column(exact(16))
    attempts: Mapped[int] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
