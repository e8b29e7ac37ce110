"""The caller's own account."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint

from myapi.users import avatar, avatar_check, decryption, erasure, phone, profile
from myapi.users.schemas import (
    Decrypted,
    DecryptRequest,
    PhoneRequest,
    ProfileRequest,
    UserOut,
)
from myapi.web.access import caller
from myapi.web.body.upload import File
from myapi.web.endpoint import endpoint, upload_endpoint
from myapi.web.rate_limits import limit_user

bp = Blueprint("me", __name__, url_prefix="/api/me")

AVATAR = File(
    "file",
    avatar.MAX_BYTES,
    invalid="picture_invalid",
    description="A JPEG, PNG or WebP of at most 2 MiB and 8 million pixels.",
)


@bp.get("")
@endpoint(returns=UserOut)
def show() -> UserOut:
    """Show my profile."""
    return UserOut.of(caller().account)


@bp.put("")
@limit_user
@endpoint(body=ProfileRequest, returns=UserOut, errors=("content_risky", "rate_limited"))
def update(body: ProfileRequest) -> UserOut:
    """Change my nickname, my avatar or both; null clears one."""
    return UserOut.of(profile.change_profile(caller().account, body.changes()))


@bp.delete("")
@endpoint()
def erase() -> None:
    """Erase my account and all its sessions permanently."""
    erasure.erase(caller().user_id)


@bp.post("/phone")
@limit_user
@endpoint(
    body=PhoneRequest,
    returns=UserOut,
    errors=(
        "phone_code_invalid",
        "rate_limited",
        "wechat_misconfigured",
        "wechat_unavailable",
        "wechat_timeout",
        "service_unavailable",
    ),
)
def set_phone(body: PhoneRequest) -> UserOut:
    """Exchange the code of a getPhoneNumber button for my phone number, and store it.

    Retries are safe: the same code sent again within five minutes changes nothing.
    """
    return UserOut.of(phone.set_phone(caller().user_id, caller().openid, body.code))


@bp.delete("/phone")
@endpoint(returns=UserOut)
def remove_phone() -> UserOut:
    """Delete my phone number."""
    return UserOut.of(phone.remove_phone(caller().user_id))


@bp.post("/avatar")
@limit_user
@upload_endpoint(AVATAR, returns=UserOut, errors=("rate_limited", "service_unavailable"))
def upload_avatar(read: Callable[[], bytes]) -> UserOut:
    """Upload my picture with wx.uploadFile; it takes the place of the one before.

    It is turned upright, made small (512 pixels at most) and rid of everything but its pixels.
    """
    user = avatar.upload(caller().user_id, read)
    avatar_check.ask(user)
    return UserOut.of(user)


@bp.delete("/avatar")
@endpoint(returns=UserOut)
def remove_avatar() -> UserOut:
    """Delete my picture."""
    return UserOut.of(avatar.remove(caller().user_id))


@bp.post("/decrypt")
@limit_user
@endpoint(
    body=DecryptRequest,
    returns=Decrypted,
    errors=("decrypt_failed", "session_key_missing", "rate_limited"),
)
def decrypt(body: DecryptRequest) -> dict[str, Any]:
    """Decrypt data that WeChat encrypted for this mini program, such as group ids."""
    return decryption.decrypt(caller().user_id, body.encrypted_data, body.iv, body.signed())
