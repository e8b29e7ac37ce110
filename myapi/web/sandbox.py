"""Only in development: let the WeChat sandbox encrypt data or fail."""

from typing import Annotated, Any

from flask import Blueprint
from msgspec import Meta, Struct

from myapi.extensions import sandbox, settings
from myapi.web.access import local_only
from myapi.web.endpoint import endpoint
from myapi.web.errors import ApiError
from myapi.wechat.sandbox import FAULTS, UnknownUserError

bp = Blueprint("sandbox", __name__, url_prefix="/sandbox")


class EncryptRequest(Struct):
    openid: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            description="An openid, or the name of a sandbox user who has logged in.",
            examples=["alice"],
        ),
    ]
    data: Annotated[
        dict[str, Any],
        Meta(description="The object to encrypt.", examples=[{"phoneNumber": "13800138000"}]),
    ]


class FaultRequest(Struct):
    kind: (
        Annotated[
            str,
            Meta(
                pattern=f"^({'|'.join(FAULTS)}|-?[0-9]{{1,9}})$(?!\\n)",
                extra={
                    "format": "fault",
                    "msg": f"kind must be an errcode such as 45011, or one of {', '.join(FAULTS)}.",
                    "msg_zh": f"kind 必须是 45011 这样的 errcode，或：{'、'.join(FAULTS)}。",
                },
                description="The name of a fault, or an errcode of WeChat. 40001, 40014 and 42001"
                " hit only calls that carry an access_token.",
                examples=["slow"],
            ),
        ]
        | Annotated[int, Meta(gt=-(10**9), lt=10**9)]
    )
    times: Annotated[
        int,
        Meta(ge=0, lt=2**31, description="How many calls fail; 0 removes the fault.", examples=[1]),
    ]


@bp.post("/encrypt")
@local_only
@endpoint(body=EncryptRequest, returns=dict[str, str], envelope=False)
def encrypt(body: EncryptRequest) -> dict[str, str]:
    """Encrypt `data` for a user as WeChat does."""
    try:
        return sandbox(settings()).encrypt(body.openid, body.data, settings().appid)
    except UnknownUserError:
        raise ApiError(
            "not_found", "this user has not logged in yet", detail_zh="这个用户还没有登录过"
        ) from None


@bp.put("/fault")
@local_only
@endpoint(body=FaultRequest, returns=dict[str, Any], envelope=False)
def fault(body: FaultRequest) -> dict[str, Any]:
    """Make the next calls to WeChat fail: slow, busy, an unusable reply, or any errcode."""
    sandbox(settings()).set_fault(body.kind, body.times)
    return {"kind": body.kind, "times": body.times}
