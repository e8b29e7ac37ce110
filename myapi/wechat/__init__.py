"""A client that knows WeChat, and no Flask app: its calls, encrypted user data, a sandbox."""

from .client import WeChatClient
from .content import TextScene, TextVerdict
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
    LinksForbidden,
    Misconfigured,
    PhoneCodeInvalid,
    QuotaExceeded,
    Timeout,
    TokenRefused,
    TooManyWaiting,
    Unavailable,
    UserAway,
    UserBlocked,
    WeChatError,
)
from .replies import Login, Reply
from .token_row import TokenRow, TokenStore

__all__ = [
    "CodeInvalid",
    "CodeUsed",
    "DecryptError",
    "LinksForbidden",
    "Login",
    "Misconfigured",
    "PhoneCodeInvalid",
    "QuotaExceeded",
    "Reply",
    "TextScene",
    "TextVerdict",
    "Timeout",
    "TokenRefused",
    "TokenRow",
    "TokenStore",
    "TooManyWaiting",
    "Unavailable",
    "UserAway",
    "UserBlocked",
    "WeChatClient",
    "WeChatError",
    "check_raw_data",
    "decrypt_user_data",
    "encrypt_user_data",
    "sign_raw_data",
    "user_signature",
]
