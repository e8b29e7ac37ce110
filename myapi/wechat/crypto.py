"""Opening what wx.getUserInfo and its kin encrypt, and the signatures made with a session_key.

Source: WeChat's page on 开放数据校验与解密: AES-128-CBC, PKCS#7 (RFC 5652, 6.3), and inside it
JSON with `watermark{appid, timestamp}`.
"""

import base64
import hashlib
import hmac
import json
import math
import os
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

#: Seconds that a watermark may be ahead of our clock.
CLOCK_SKEW = 60
#: The longest text that is looked at, in characters.
SIZE_LIMIT = 1024 * 1024


class DecryptError(ValueError):
    """Whatever was wrong with the data. `detail` says it to the log, and holds nothing secret."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def decrypt_user_data(
    session_key: str,
    encrypted_data: str,
    iv: str,
    appid: str,
    *,
    max_age: float | None = None,
    now: float | None = None,
) -> dict[str, Any]:
    """Open what WeChat encrypted for this user and `appid`. Raises DecryptError alone.

    `session_key`, `encrypted_data` and `iv` are base64. With `max_age` (seconds) the watermark
    must not be older than that, nor more than CLOCK_SKEW ahead of `now` (Unix seconds).

    WeChat's encryption has no seal: the phone can change the first blocks of a genuine text and
    keep its watermark. So this shows what the phone says, and is no proof of a phone number; for
    that, exchange the code of getPhoneNumber on the server.
    """
    try:
        data = _json_object(_decrypt(session_key, encrypted_data, iv))
        timestamp = _watermark(data, appid)
        if max_age is not None:
            _check_age((time.time() if now is None else now) - timestamp, max_age)
    except DecryptError as error:
        detail = error.detail
    except Exception as error:  # one error goes out, whatever comes in
        detail = type(error).__name__
    else:
        return data
    # Raised out here it has no context: that of a JSON error would hold the plain text.
    raise DecryptError(detail)


def encrypt_user_data(session_key: str, data: Mapping[str, object]) -> tuple[str, str]:
    """Encrypt `data` as WeChat would: (encryptedData, iv). For the sandbox and for tests."""
    iv = os.urandom(16)
    padder = PKCS7(128).padder()
    text = json.dumps(data, ensure_ascii=False).encode("utf-8")
    encryptor = Cipher(AES(base64.b64decode(session_key)), CBC(iv)).encryptor()
    sealed = encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()
    return base64.b64encode(sealed).decode("ascii"), base64.b64encode(iv).decode("ascii")


def sign_raw_data(raw_data: str, session_key: str) -> str:
    """Make the `signature` that comes with rawData: hex SHA-1 of both texts, joined."""
    # SHA-1 is what WeChat's protocol says.
    return hashlib.sha1(_utf8(raw_data) + _utf8(session_key)).hexdigest()  # noqa: S324


def check_raw_data(raw_data: str, signature: str, session_key: str) -> None:
    """Raise DecryptError unless `signature` is that of `raw_data`."""
    expected = sign_raw_data(raw_data, session_key)
    if not hmac.compare_digest(_utf8(signature), _utf8(expected)):
        raise DecryptError("rawData has another signature")


def user_signature(session_key: str, message: str) -> str:
    """Sign a call on a user's behalf, such as checkSessionKey with message "".

    Lower-case hex HMAC-SHA256. The key is the session_key's base64 text, not decoded.
    """
    return hmac.new(_utf8(session_key), _utf8(message), hashlib.sha256).hexdigest()


def _decrypt(session_key: str, encrypted_data: str, iv: str) -> bytes:
    key, start = _base64(session_key, "session_key"), _base64(iv, "iv")
    sealed = _base64(encrypted_data, "encryptedData")
    if len(key) != 16 or len(start) != 16:
        raise DecryptError("session_key or iv is not 16 bytes")
    if not sealed or len(sealed) % 16:
        raise DecryptError("encryptedData is no whole number of blocks")
    decryptor = Cipher(AES(key), CBC(start)).decryptor()
    return _unpadded(decryptor.update(sealed) + decryptor.finalize())


def _base64(text: str, name: str) -> bytes:
    if not isinstance(text, str) or len(text) > SIZE_LIMIT:
        raise DecryptError(f"{name} is no text, or too long")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise DecryptError(f"{name} is no base64") from None


def _unpadded(plain: bytes) -> bytes:
    """Check all of the padding, and take it off. Most often a wrong key shows itself here."""
    count = plain[-1]
    if not 1 <= count <= 16 or not plain.endswith(bytes([count]) * count):
        raise DecryptError("wrong padding: another session_key, or not WeChat's data")
    return plain[:-count]


def _json_object(plain: bytes) -> dict[str, Any]:
    try:
        data = json.loads(plain.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
        # Half a surrogate pair is valid JSON, and could be neither stored nor sent on.
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise DecryptError("not JSON in UTF-8") from None
    if not isinstance(data, dict):
        raise DecryptError("not a JSON object")
    return data


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return value


def _watermark(data: dict[str, Any], appid: str) -> int:
    """Its timestamp, in Unix seconds."""
    watermark = data.get("watermark")
    if not isinstance(watermark, dict):
        raise DecryptError("no watermark")
    if not isinstance(appid, str) or watermark.get("appid") != appid:
        raise DecryptError("the watermark is another app's")
    timestamp = watermark.get("timestamp")
    if type(timestamp) is not int:
        raise DecryptError("the watermark's timestamp is no integer")
    return timestamp


def _check_age(age: float, max_age: float) -> None:
    if age > max_age:
        raise DecryptError("the data is too old")
    if age < -CLOCK_SKEW:
        raise DecryptError("the data is from the future: compare the server's clock")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except (AttributeError, UnicodeEncodeError):
        raise DecryptError("no Unicode text") from None
