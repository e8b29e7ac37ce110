"""Request and response schemas of accounts."""

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

from myapi.clock import iso
from myapi.users.accounts import Account, UserRow
from myapi.users.avatar import url_of
from myapi.users.nickname import BLANK, is_blank
from myapi.users.phone import masked
from myapi.web.errors import ApiError
from myapi.web.field_errors import FieldError
from myapi.web.fields import Id, Timestamp

Nickname = Annotated[
    str,
    Meta(
        max_length=32,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$(?!\n)",
        extra={"format": "one_line"},
        extra_json_schema={"not": {"pattern": BLANK}},
        description="One line in which something is visible, without control characters.",
        examples=["小明"],
    ),
]
AvatarUrl = Annotated[
    str,
    Meta(
        max_length=512,
        # A host and optionally a port, no user; all but printable ASCII is percent-encoded.
        pattern=r"^https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?$(?!\n)",
        extra={"format": "https_url"},
        description="An https URL.",
        examples=["https://example.com/avatar.png"],
    ),
]
Base64 = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=65536,
        description="The encrypted data, as WeChat gave it.",
        examples=["CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZM"],
    ),
]


PhoneCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=r"^[ -~]*[!-~][ -~]*$(?!\n)",
        extra={"format": "ascii"},
        description="The code of a getPhoneNumber button: valid once, for five minutes.",
        examples=["phone-13800000000"],
    ),
]


class UserOut(Struct):
    id: Annotated[Id, Meta(description="Random and public; it is not the openid.")]
    nickname: (
        Annotated[str, Meta(description="Null until the user sets one.", examples=["小明"])] | None
    )
    avatar_url: (
        Annotated[
            str,
            Meta(
                description="Where the picture is; null if there is none.",
                examples=["https://example.com/avatar.png"],
            ),
        ]
        | None
    )
    phone: Annotated[str, Meta(description="Masked.", examples=["138******00"])] | None
    created_at: Annotated[Timestamp, Meta(description="When the account was made, UTC.")]

    @classmethod
    def of(cls, user: Account | UserRow) -> "UserOut":
        return cls(
            id=user.public_id,
            nickname=user.nickname,
            avatar_url=url_of(user.avatar_url),
            phone=masked(user.phone),
            created_at=iso(user.created_at),
        )


class ProfileRequest(Struct):
    """Absent: unchanged. Null: cleared."""

    nickname: Nickname | UnsetType | None = UNSET
    avatar_url: AvatarUrl | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.nickname, str) and is_blank(self.nickname):
            blank = FieldError("nickname", "format", "visible")
            raise ApiError("invalid_request", fields=[blank])

    def changes(self) -> dict[str, str | None]:
        given = {"nickname": self.nickname, "avatar_url": self.avatar_url}
        return {k: v for k, v in given.items() if not isinstance(v, UnsetType)}


class PhoneRequest(Struct):
    """`e.detail.code` of `bindgetphonenumber`; it is not the code of wx.login."""

    code: PhoneCode


class DecryptRequest(Struct, rename={"encrypted_data": "encryptedData", "raw_data": "rawData"}):
    """What wx.getUserInfo and similar calls return. Send rawData and signature both, or neither."""

    encrypted_data: Base64
    iv: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="Its initialization vector.",
            examples=["r7BXXKkLb8qrSNn05n0qiA=="],
        ),
    ]
    raw_data: (
        Annotated[
            str, Meta(max_length=65536, description="The plain text that `signature` covers.")
        ]
        | None
    ) = None
    signature: (
        Annotated[
            str,
            Meta(
                max_length=64,
                pattern=r"^[\x00-\x7f]*$(?!\n)",
                extra={"format": "ascii"},
                description="SHA-1 of rawData and the session_key, in hex.",
            ),
        ]
        | None
    ) = None

    #: Added to the JSON Schema: a rule that the fields alone cannot express.
    extra_json_schema: ClassVar[dict[str, Any]] = {
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
            missing = "rawData" if self.raw_data is None else "signature"
            raise ApiError("invalid_request", fields=[FieldError(missing, "required")])

    def signed(self) -> tuple[str, str] | None:
        if self.raw_data is None or self.signature is None:
            return None
        return self.raw_data, self.signature


Decrypted = Annotated[
    dict[str, Any],
    Meta(
        description="The decrypted object. Its watermark has been checked.",
        examples=[
            {
                "phoneNumber": "13800138000",
                "watermark": {"timestamp": 1769848200, "appid": "wxsandbox000000000"},
            }
        ],
    ),
]
