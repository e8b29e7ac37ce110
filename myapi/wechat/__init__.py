"""A client that knows WeChat, and no Flask app: login codes, encrypted user data, a sandbox."""

from .client import WeChatClient
from .crypto import (
    DecryptError,
    check_raw_data,
    decrypt_user_data,
    encrypt_user_data,
    sign_raw_data,
    user_signature,
)
from .errors import (
    CodeInvalid,
    CodeUsed,
    Misconfigured,
    QuotaExceeded,
    Timeout,
    TooManyWaiting,
    Unavailable,
    UserBlocked,
    WeChatError,
)
from .replies import Login

__all__ = [
    "CodeInvalid",
    "CodeUsed",
    "DecryptError",
    "Login",
    "Misconfigured",
    "QuotaExceeded",
    "Timeout",
    "TooManyWaiting",
    "Unavailable",
    "UserBlocked",
    "WeChatClient",
    "WeChatError",
    "check_raw_data",
    "decrypt_user_data",
    "encrypt_user_data",
    "sign_raw_data",
    "user_signature",
]
