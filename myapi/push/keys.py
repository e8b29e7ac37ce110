"""The Token and the EncodingAESKey with which pushes are verified."""

from myapi.extensions import settings
from myapi.wechat.push import PushKeys
from myapi.wechat.sandbox import pushes


def push_keys() -> PushKeys | None:
    """Return the keys, or None if no pushes are taken. The sandbox has its own."""
    given = settings()
    if given.sandbox:
        return PushKeys(given.appid, pushes.TOKEN, pushes.AES_KEY)
    if given.wechat_push_token:
        return PushKeys(given.appid, given.wechat_push_token, given.wechat_push_aes_key or None)
    return None
