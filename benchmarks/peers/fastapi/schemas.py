"""Request and response bodies in the shape of myapi's."""

import time
from datetime import datetime, timezone
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from benchmarks.peers.fastapi.models import User

Data = TypeVar("Data")


def now() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def iso(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


class LoginRequest(BaseModel):
    code: str = Field(max_length=256, pattern=r"^[ -~]*[!-~][ -~]*$")


class Hello(BaseModel):
    code: int = 0
    msg: str = "Hello from Aliyun Lighthouse!"
    time: str


class Answer(BaseModel, Generic[Data]):
    code: int = 0
    msg: str = "ok"
    data: Data


class Profile(BaseModel):
    id: str
    nickname: str | None
    avatar_url: str | None
    phone: str | None
    created_at: str

    @classmethod
    def of(cls, user: User) -> "Profile":
        return cls(
            id=user.public_id,
            nickname=user.nickname,
            avatar_url=user.avatar_url,
            phone=user.phone,
            created_at=iso(user.created_at),
        )


class LoggedIn(BaseModel):
    token: str
    expires_at: str
    user: Profile
