"""The caller's own account."""

from typing import Any

from flask import Blueprint

from myapi import limits, users
from myapi.contract import contract
from myapi.guards import caller
from myapi.schemas import Decrypted, DecryptRequest, ProfileRequest, UserOut

bp = Blueprint("me", __name__, url_prefix="/api/me")


@bp.get("")
@contract(gives=UserOut)
def show() -> UserOut:
    """Show my profile."""
    return UserOut.of_caller(caller())  # which the guard's query has read already


@bp.put("")
@limits.user
@contract(takes=ProfileRequest, gives=UserOut, errors=("rate_limited",))
def update(body: ProfileRequest) -> UserOut:
    """Change my nickname, my avatar or both; null clears one."""
    return UserOut.of(users.update_profile(caller().user_id, body.changes()))


@bp.delete("")
@contract()
def erase() -> None:
    """Erase my account with all its sessions, for good."""
    users.erase(caller().user_id)


@bp.post("/decrypt")
@limits.user
@contract(
    takes=DecryptRequest,
    gives=Decrypted,
    errors=("decrypt_failed", "session_key_missing", "rate_limited"),
)
def decrypt(body: DecryptRequest) -> dict[str, Any]:
    """Decrypt what WeChat encrypted for this mini program, such as shared group ids."""
    return users.decrypt(caller().user_id, body.encrypted_data, body.iv, body.signed())
