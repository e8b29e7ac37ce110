"""The shapes that come in and go out. What validates here also describes the API."""

import json
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec
from flask import request
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Row
from werkzeug.exceptions import HTTPException

from myapi.clock import iso
from myapi.errors import ApiError
from myapi.identity import Identity
from myapi.login import Opened
from myapi.users import Account
from myapi.wechat.sandbox.faults import FAULTS

S = TypeVar("S", bound=Struct)

Timestamp = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
        description="UTC.",
        examples=["2026-01-31T08:30:00Z"],
    ),
]
Id = Annotated[str, Meta(examples=["5f0c2a9d8e7b4c1f3a6d9e02"])]
# In patterns: Python's `$`, unlike that of JSON Schema, allows a line break behind it.
Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=r"^[ -~]*[!-~][ -~]*$",
        description="The code of wx.login; it works once, for five minutes.",
        examples=["alice"],
    ),
]
Nickname = Annotated[
    str,
    Meta(
        max_length=32,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$",
        description="One line, without control characters.",
        examples=["小明"],
    ),
]
AvatarUrl = Annotated[
    str,
    Meta(
        max_length=512,
        # A host and perhaps a port, no user; what is not printable ASCII is percent-encoded.
        pattern=r"^https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?$",
        description="An https URL.",
        examples=["https://example.com/avatar.png"],
    ),
]
Base64 = Annotated[
    str, Meta(min_length=1, max_length=65536, examples=["CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZM"])
]


class Hello(Struct):
    """The one older shape: no `data`."""

    time: Timestamp
    code: Literal[0] = 0
    msg: str = "Hello from Aliyun Lighthouse!"


class LoginRequest(Struct):
    code: Code

    def __post_init__(self) -> None:
        _refuse_line_break(self.code)


class ProfileRequest(Struct):
    """Absent: unchanged. Null: cleared."""

    nickname: Nickname | UnsetType | None = UNSET
    avatar_url: AvatarUrl | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        _refuse_line_break(self.nickname)
        _refuse_line_break(self.avatar_url)

    def changes(self) -> dict[str, str | None]:
        given = {"nickname": self.nickname, "avatar_url": self.avatar_url}
        return {k: v for k, v in given.items() if not isinstance(v, UnsetType)}


class DecryptRequest(Struct, rename={"encrypted_data": "encryptedData", "raw_data": "rawData"}):
    """What wx.getUserInfo and its kin give; rawData and signature come together or not at all."""

    encrypted_data: Base64
    iv: Annotated[str, Meta(min_length=1, max_length=64, examples=["r7BXXKkLb8qrSNn05n0qiA=="])]
    raw_data: Annotated[str, Meta(max_length=65536)] | None = None
    signature: Annotated[str, Meta(max_length=64, pattern=r"^[\x00-\x7f]*$")] | None = None

    #: What fields alone cannot say, for the description.
    described: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {
                "required": ["rawData", "signature"],
                "properties": {"rawData": {"type": "string"}, "signature": {"type": "string"}},
            },
            {"properties": {"rawData": {"type": "null"}, "signature": {"type": "null"}}},
        ]
    }

    def __post_init__(self) -> None:
        if (self.raw_data is None) != (self.signature is None):
            raise ValueError("rawData and signature go together")

    def signed(self) -> tuple[str, str] | None:
        if self.raw_data is None or self.signature is None:
            return None
        return self.raw_data, self.signature


Decrypted = Annotated[
    dict[str, Any],
    Meta(
        description="What WeChat encrypted; its watermark has been checked.",
        examples=[
            {
                "phoneNumber": "13800138000",
                "watermark": {"timestamp": 1769848200, "appid": "wxsandbox000000000"},
            }
        ],
    ),
]


class SandboxEncryptRequest(Struct):
    openid: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            description="An openid, or the name of a sandbox user who has logged in.",
            examples=["alice"],
        ),
    ]
    data: Annotated[dict[str, Any], Meta(examples=[{"phoneNumber": "13800138000"}])]


class SandboxFaultRequest(Struct):
    kind: (
        Annotated[
            str,
            Meta(
                pattern=f"^({'|'.join(FAULTS)}|-?[0-9]{{1,9}})$",
                description="A fault by name, or an errcode of WeChat.",
                examples=["slow"],
            ),
        ]
        | Annotated[int, Meta(gt=-(10**9), lt=10**9)]
    )
    times: Annotated[
        int,
        Meta(ge=0, lt=2**31, description="How many calls it spoils; 0 ends it.", examples=[1]),
    ]


class UserOut(Struct):
    id: Id
    nickname: Annotated[str, Meta(examples=["小明"])] | None
    avatar_url: Annotated[str, Meta(examples=["https://example.com/avatar.png"])] | None
    created_at: Timestamp

    @classmethod
    def of(cls, user: Account) -> "UserOut":
        return cls(user.public_id, user.nickname, user.avatar_url, iso(user.created_at))

    @classmethod
    def of_caller(cls, caller: Identity) -> "UserOut":
        return cls(caller.user, caller.nickname, caller.avatar_url, iso(caller.created_at))


class LoginOut(Struct):
    token: Annotated[
        str,
        Meta(
            description="Send it as `Authorization: Bearer …`; it is told this once.",
            examples=["a-random-secret.and-its-signature"],
        ),
    ]
    expires_at: Timestamp
    user: UserOut

    @classmethod
    def of(cls, opened: Opened) -> "LoginOut":
        return cls(opened.token, iso(opened.expires_at), UserOut.of(opened.user))


class SessionOut(Struct):
    id: Id
    created_at: Timestamp
    last_seen_at: Timestamp | None
    ip: Annotated[str, Meta(examples=["203.0.113.7"])]
    user_agent: Annotated[str, Meta(examples=["Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"])]
    current: Annotated[bool, Meta(description="Whether it is the session that asks.")]

    @classmethod
    def of(cls, session: Row[Any], caller: Identity) -> "SessionOut":
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
        found = _STRICT.decode(text)
        if "\\u" in text:  # a lone surrogate, written \\ud800, is no character
            json.dumps(found, ensure_ascii=False).encode("utf-8")
        return msgspec.convert(found, shape)
    except msgspec.ValidationError as error:
        raise ApiError("invalid_request", str(error)) from None
    except (ValueError, RecursionError):
        raise ApiError("invalid_request", "the body is not a JSON object in UTF-8") from None


def _body() -> bytes:
    """Read the whole body, or raise an `ApiError`: what is too long comes cut off from Werkzeug."""
    chunked = request.content_length is None and "wsgi.input_terminated" in request.environ
    try:
        body = request.get_data(cache=False)
        more = chunked and request.environ["wsgi.input"].read(1)
    except HTTPException:
        raise
    except Exception:  # a server has its own for each chunk or trailer that is wrong
        raise ApiError("invalid_request", "the body was cut off") from None
    if more:
        raise ApiError("payload_too_large")
    if len(body) < (request.content_length or 0):
        raise ApiError("invalid_request", "the body was cut off")
    return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _refuse_line_break(text: object) -> None:
    """Refuse what slips through a pattern that ends in `$`."""
    if isinstance(text, str) and text.endswith("\n"):
        raise ValueError("has a line break at its end")
