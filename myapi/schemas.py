"""The shapes that come in and go out. What validates here also describes the API."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from flask import request
from msgspec import UNSET, Meta, Struct, UnsetType

from myapi.clock import iso
from myapi.errors import ApiError
from myapi.login import Opened
from myapi.models import Session, User
from myapi.sessions import Identity

S = TypeVar("S", bound=Struct)

Timestamp = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=r"^[ -~]*[!-~][ -~]*$",
        description="The code of wx.login; it works once, for five minutes.",
    ),
]
Base64 = Annotated[str, Meta(min_length=1, max_length=65536)]


class Hello(Struct):
    """The one older shape: no `data`."""

    time: Timestamp
    code: Literal[0] = 0
    msg: str = "Hello from Aliyun Lighthouse!"


class LoginRequest(Struct):
    code: Code

    def __post_init__(self) -> None:
        if self.code.endswith("\n"):  # Python's `$`, unlike that of JSON Schema, allows one
            raise ValueError("has a line break at its end")


class ProfileRequest(Struct):
    """Absent: unchanged. Null: cleared."""

    nickname: Annotated[str, Meta(max_length=32)] | UnsetType | None = UNSET
    avatar_url: (
        Annotated[
            str, Meta(max_length=512, pattern="^https://", examples=["https://a.example/1.png"])
        ]
        | UnsetType
        | None
    ) = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.nickname, str) and not _is_one_line(self.nickname):
            raise ValueError("nickname has control characters")
        if isinstance(self.avatar_url, str) and not _is_https_url(self.avatar_url):
            raise ValueError("avatar_url is not an https URL")

    def changes(self) -> dict[str, str | None]:
        given = {"nickname": self.nickname, "avatar_url": self.avatar_url}
        return {k: v for k, v in given.items() if not isinstance(v, UnsetType)}


class DecryptRequest(Struct, rename={"encrypted_data": "encryptedData", "raw_data": "rawData"}):
    encrypted_data: Base64
    iv: Annotated[str, Meta(min_length=1, max_length=64)]
    raw_data: Annotated[str, Meta(max_length=65536)] | None = None
    signature: Annotated[str, Meta(max_length=64)] | None = None

    def __post_init__(self) -> None:
        if (self.raw_data is None) != (self.signature is None):
            raise ValueError("rawData and signature go together")
        if not (self.signature or "").isascii():
            raise ValueError("signature is not hex")

    def signed(self) -> tuple[str, str] | None:
        if self.raw_data is None or self.signature is None:
            return None
        return self.raw_data, self.signature


class SandboxEncryptRequest(Struct):
    """`openid` may be the NAME of a code as well."""

    openid: Annotated[str, Meta(min_length=1, max_length=128)]
    data: dict[str, Any]


class SandboxFaultRequest(Struct):
    kind: str | int
    times: int


class UserOut(Struct):
    id: str
    nickname: str | None
    avatar_url: str | None
    created_at: Timestamp

    @classmethod
    def of(cls, user: User) -> "UserOut":
        return cls(user.public_id, user.nickname, user.avatar_url, iso(user.created_at))

    @classmethod
    def of_caller(cls, caller: Identity) -> "UserOut":
        return cls(caller.user, caller.nickname, caller.avatar_url, iso(caller.created_at))


class LoginOut(Struct):
    token: str
    expires_at: Timestamp
    user: UserOut

    @classmethod
    def of(cls, opened: Opened) -> "LoginOut":
        return cls(opened.token, iso(opened.expires_at), UserOut.of(opened.user))


class SessionOut(Struct):
    id: str
    created_at: Timestamp
    last_seen_at: Timestamp | None
    ip: str
    user_agent: str
    current: bool

    @classmethod
    def of(cls, session: Session, caller: Identity) -> "SessionOut":
        seen: datetime | None = session.last_seen_at
        return cls(
            session.public_id,
            iso(session.created_at),
            iso(seen) if seen else None,
            session.ip,
            session.user_agent,
            session.id == caller.session_id,
        )


class SessionsOut(Struct):
    sessions: list[SessionOut]


def body_as(shape: type[S]) -> S:
    """Read the request's body as `shape`, or raise an `ApiError` that says what is wrong.

    Bodies are UTF-8 JSON objects; a name given twice is refused, an unknown one ignored.
    """
    if request.mimetype != "application/json" or request.content_encoding not in {None, "identity"}:
        raise ApiError("unsupported_media_type")
    try:
        text = _body().decode("utf-8")
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        if "\\u" in text:  # a lone surrogate, written \\ud800, is no character
            json.dumps(found, ensure_ascii=False).encode("utf-8")
        return msgspec.convert(found, shape)
    except msgspec.ValidationError as error:
        raise ApiError("invalid_request", str(error)) from None
    except (ValueError, RecursionError):
        raise ApiError("invalid_request", "the body is not a JSON object in UTF-8") from None


def _body() -> bytes:
    try:
        return request.get_data(cache=False)
    except (OSError, EOFError):
        raise ApiError("invalid_request", "the body was cut off") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


def _is_one_line(text: str) -> bool:
    return not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text)


def _is_https_url(text: str) -> bool:
    if not re.fullmatch(r"[!-~]+", text):  # RFC 3986: everything else is percent-encoded
        return False
    try:
        url = urlsplit(text)
        return url.scheme == "https" and bool(url.hostname) and url.username is None
    except ValueError:
        return False
