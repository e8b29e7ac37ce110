"""The Token and the EncodingAESKey with which pushes are verified."""

from myapi.extensions import settings
from myapi.wechat.push import PushKeys

#: Those of the sandbox, which alone can reach the service in development.
SANDBOX_TOKEN, SANDBOX_AES_KEY = "sandbox", "sandbox0" * 5 + "abc"


def push_keys() -> PushKeys | None:
    """Return the keys, or None if no pushes are taken."""
    given = settings()
    if given.wechat_push_token:
        return PushKeys(given.appid, given.wechat_push_token, given.wechat_push_aes_key or None)
    return PushKeys(given.appid, SANDBOX_TOKEN, SANDBOX_AES_KEY) if given.sandbox else None
