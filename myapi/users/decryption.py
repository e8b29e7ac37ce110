"""Decrypt data that WeChat encrypted for a user."""

from typing import Any

from myapi.db.transactions import reading
from myapi.extensions import settings
from myapi.users.accounts import session_key
from myapi.web.errors import ApiError
from myapi.wechat import crypto


def decrypt(
    user_id: int, encrypted_data: str, iv: str, signed: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Decrypt a user's `encryptedData`; `signed` is (rawData, signature), checked if given.

    Raises `session_key_missing`, or `decrypt_failed` for every other cause: naming it in the
    response would make a padding oracle. The log names it.
    """
    with reading() as connection:
        key = session_key(connection, user_id)
    if key is None:
        raise ApiError("session_key_missing")
    try:
        if signed:
            crypto.check_raw_data(*signed, key)
        return crypto.decrypt_user_data(
            key, encrypted_data, iv, settings().appid, max_age=settings().decrypt_max_age
        )
    except crypto.DecryptError as error:
        raise ApiError("decrypt_failed", reason=str(error)) from None
