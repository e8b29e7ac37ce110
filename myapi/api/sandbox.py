"""Development alone: ask the WeChat sandbox for encrypted data, or for a bad day."""

from typing import Any

from flask import Blueprint

from myapi import development
from myapi.contract import contract
from myapi.errors import ApiError
from myapi.extensions import settings
from myapi.guards import neighbours
from myapi.schemas import SandboxEncryptRequest, SandboxFaultRequest
from myapi.wechat.sandbox import UnknownUserError

bp = Blueprint("sandbox", __name__, url_prefix="/sandbox")


@bp.post("/encrypt")
@neighbours
@contract(takes=SandboxEncryptRequest, gives=dict[str, str], envelope=False)
def encrypt(body: SandboxEncryptRequest) -> dict[str, str]:
    """Encrypt `data` for a user, as WeChat would for the phone."""
    try:
        return development.sandbox(settings()).encrypt(body.openid, body.data, settings().appid)
    except UnknownUserError:
        raise ApiError("not_found", "this user has not logged in yet") from None


@bp.put("/fault")
@neighbours
@contract(takes=SandboxFaultRequest, gives=dict[str, Any], envelope=False)
def fault(body: SandboxFaultRequest) -> dict[str, Any]:
    """Spoil the next calls to WeChat: slow, busy, broken in many ways, or any errcode."""
    try:
        development.sandbox(settings()).set_fault(body.kind, body.times)
    except ValueError as error:
        raise ApiError("invalid_request", str(error)) from None
    return {"kind": body.kind, "times": body.times}
