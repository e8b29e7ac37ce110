"""Decryption of the data of wx.getUserInfo and similar calls, and session_key signatures.

Source: WeChat's page 开放数据校验与解密: AES-128-CBC with PKCS#7 padding (RFC 5652, 6.3); the
plain text is JSON with `watermark{appid, timestamp}`.
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

#: Seconds that a watermark's timestamp may be ahead of our clock.
CLOCK_SKEW = 60
#: Longest accepted base64 text, in characters.
SIZE_LIMIT = 1024 * 1024


class DecryptError(ValueError):
    """The data is invalid. `detail` is the cause, for the log; it contains no secret."""

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
    """Decrypt what WeChat encrypted for this user and `appid`. Raises only DecryptError.

    `session_key`, `encrypted_data` and `iv` are base64. With `max_age` (seconds) the watermark
    must not be older than that, nor more than CLOCK_SKEW ahead of `now` (Unix seconds).

    WeChat's encryption is not authenticated: the client can change the first blocks of genuine
    data and keep its watermark. Treat the result as the client's claim. It does not prove a phone
    number; for that, exchange the code of getPhoneNumber on the server.
    """
    try:
        data = _json_object(_decrypt(session_key, encrypted_data, iv))
        timestamp = _check_watermark(data, appid)
        if max_age is not None:
            _check_age((time.time() if now is None else now) - timestamp, max_age)
    except DecryptError as error:
        detail = error.detail
    except Exception as error:  # callers get one error type for every cause
        detail = type(error).__name__
    else:
        return data
    # Raised outside the except blocks so that it has no __context__: a JSON error holds plain text.
    raise DecryptError(detail)


def encrypt_user_data(session_key: str, data: Mapping[str, object]) -> tuple[str, str]:
    """Encrypt `data` as WeChat would: (encryptedData, iv). For the sandbox and tests."""
    iv = os.urandom(16)
    padder = PKCS7(128).padder()
    text = json.dumps(data, ensure_ascii=False).encode("utf-8")
    encryptor = Cipher(AES(base64.b64decode(session_key)), CBC(iv)).encryptor()
    padded = padder.update(text) + padder.finalize()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    return base64.b64encode(ciphertext).decode("ascii"), base64.b64encode(iv).decode("ascii")


def sign_raw_data(raw_data: str, session_key: str) -> str:
    """Return the `signature` of rawData: hex SHA-1 of raw_data + session_key."""
    # WeChat's protocol prescribes SHA-1.
    return hashlib.sha1(_encode_utf8(raw_data) + _encode_utf8(session_key)).hexdigest()  # noqa: S324


def check_raw_data(raw_data: str, signature: str, session_key: str) -> None:
    """Raise DecryptError unless `signature` is the signature of `raw_data`."""
    expected = sign_raw_data(raw_data, session_key)
    if not hmac.compare_digest(_encode_utf8(signature), _encode_utf8(expected)):
        raise DecryptError("the signature does not match rawData")


def user_signature(session_key: str, message: str) -> str:
    """Return the signature of a call made for a user, such as checkSessionKey with message "".

    Lower-case hex HMAC-SHA256. The key is the session_key's base64 text, not decoded.
    """
    return hmac.new(_encode_utf8(session_key), _encode_utf8(message), hashlib.sha256).hexdigest()


def _decrypt(session_key: str, encrypted_data: str, iv: str) -> bytes:
    key, iv_bytes = _decode_base64(session_key, "session_key"), _decode_base64(iv, "iv")
    ciphertext = _decode_base64(encrypted_data, "encryptedData")
    if len(key) != 16 or len(iv_bytes) != 16:
        raise DecryptError("session_key or iv is not 16 bytes")
    if not ciphertext or len(ciphertext) % 16:
        raise DecryptError("encryptedData is not a whole number of blocks")
    decryptor = Cipher(AES(key), CBC(iv_bytes)).decryptor()
    return _remove_padding(decryptor.update(ciphertext) + decryptor.finalize())


def _decode_base64(text: str, name: str) -> bytes:
    if not isinstance(text, str) or len(text) > SIZE_LIMIT:
        raise DecryptError(f"{name} is not a string, or is too long")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise DecryptError(f"{name} is not base64") from None


def _remove_padding(plain: bytes) -> bytes:
    """Check every byte of the padding and remove it. A wrong key is usually noticed here."""
    count = plain[-1]
    if not 1 <= count <= 16 or not plain.endswith(bytes([count]) * count):
        raise DecryptError("wrong padding: a different session_key, or not data from WeChat")
    return plain[:-count]


def _json_object(plain: bytes) -> dict[str, Any]:
    try:
        data = json.loads(
            plain.decode("utf-8"), parse_constant=_reject_constant, parse_float=_finite_float
        )
        # Half a surrogate pair is valid in JSON but can be neither stored nor sent as UTF-8.
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise DecryptError("not JSON in UTF-8") from None
    if not isinstance(data, dict):
        raise DecryptError("not a JSON object")
    return data


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite_float(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return value


def _check_watermark(data: dict[str, Any], appid: str) -> int:
    """Return its timestamp, in Unix seconds. Raises DecryptError if it is not for `appid`."""
    watermark = data.get("watermark")
    if not isinstance(watermark, dict):
        raise DecryptError("no watermark")
    if not isinstance(appid, str) or watermark.get("appid") != appid:
        raise DecryptError("the watermark is for another app")
    timestamp = watermark.get("timestamp")
    if type(timestamp) is not int:
        raise DecryptError("the watermark's timestamp is not an integer")
    return timestamp


def _check_age(age: float, max_age: float) -> None:
    if age > max_age:
        raise DecryptError("the data is too old")
    if age < -CLOCK_SKEW:
        raise DecryptError("the data is from the future: check the server's clock")


def _encode_utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except (AttributeError, UnicodeEncodeError):
        raise DecryptError("not a Unicode string") from None
