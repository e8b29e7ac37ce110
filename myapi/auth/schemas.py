"""Request and response schemas of login and sessions."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import Row

from myapi.auth.new_session import NewSession
from myapi.clock import iso
from myapi.users.schemas import UserOut
from myapi.web.access import Caller
from myapi.web.fields import Id, Timestamp

Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=r"^[ -~]*[!-~][ -~]*$(?!\n)",
        extra={"format": "login_code"},
        description="The code from wx.login: valid once, for five minutes.",
        examples=["alice"],
    ),
]


class LoginRequest(Struct):
    code: Code


class LoginOut(Struct):
    token: Annotated[
        str,
        Meta(
            description="Send it as `Authorization: Bearer …`. It is returned only once.",
            examples=["a-random-secret.and-its-signature"],
        ),
    ]
    expires_at: Annotated[Timestamp, Meta(description="When the session ends at the latest, UTC.")]
    user: UserOut

    @classmethod
    def of(cls, session: NewSession) -> "LoginOut":
        return cls(session.token, iso(session.expires_at), UserOut.of(session.user))


class SessionOut(Struct):
    id: Annotated[Id, Meta(description="Names the session, such as to end it.")]
    created_at: Annotated[Timestamp, Meta(description="When the user logged in, UTC.")]
    last_seen_at: (
        Annotated[Timestamp, Meta(description="Its last use, UTC; null if it was not used.")] | None
    )
    ip: Annotated[
        str, Meta(description="The address at the time of the login.", examples=["203.0.113.7"])
    ]
    user_agent: Annotated[
        str,
        Meta(
            description="The User-Agent of the login.",
            examples=["Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"],
        ),
    ]
    current: Annotated[bool, Meta(description="Whether this is the session of this request.")]

    @classmethod
    def of(cls, session: Row[Any], caller: Caller) -> "SessionOut":
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
