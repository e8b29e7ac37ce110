"""Verify and read what WeChat pushes to the server.

What is checked is decided by what is configured, never by the request. With an EncodingAESKey only
`Encrypt` is read, and `msg_signature` covers it; `signature` covers no body at all, so without a
key anyone who has seen one push can send any event. That is for development.
Source: WeChat's page 消息推送; its sample of messages is in the tests.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from .push_text import PushRefused, parse

#: The most that an event may have, in bytes.
SIZE_LIMIT = 64 * 1024
#: WeChat pads to whole blocks of this size, of which AES knows nothing.
PADDING = 32
#: Random bytes, and the length of the message, before it.
RANDOM, LENGTH = 16, 4

_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}")
_AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}")
_PARAMETER = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class PushKeys:
    """What the console and the settings both have. Raises ValueError for impossible ones.

    Without `aes_key`, pushes are taken in plain mode.
    """

    appid: str
    token: str = field(repr=False)
    aes_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise ValueError("the Token has 3 to 32 letters and digits")
        if self.aes_key is not None and not _AES_KEY.fullmatch(self.aes_key):
            raise ValueError("the EncodingAESKey has 43 letters, digits, + and /")

    @property
    def key(self) -> bytes:
        # The last character may have bits that belong to nothing: keys with them are good.
        return base64.b64decode(f"{self.aes_key}=")


class Push(NamedTuple):
    """A push that was verified: its text, the same in each retry, and the event in it."""

    text: bytes
    event: dict[str, object]


def check_url(keys: PushKeys, query: Mapping[str, str]) -> str:
    """Return the echostr that WeChat wants back when it checks the URL. Raises PushRefused."""
    _check(query, "signature", keys.token)
    return _parameter(query, "echostr")


def read_push(keys: PushKeys, query: Mapping[str, str], body: bytes) -> Push:
    """Verify a push and return it. Raises PushRefused."""
    if len(body) > SIZE_LIMIT:
        raise PushRefused("the body is too large")
    if keys.aes_key is None:
        _check(query, "signature", keys.token)
        return Push(body, parse(body))
    sealed = parse(body).get("Encrypt")
    if not isinstance(sealed, str):
        raise PushRefused("the body is not encrypted, and an EncodingAESKey is set")
    sealed = sealed.strip()
    _check(query, "msg_signature", keys.token, sealed)
    text = decrypt(keys, sealed)
    return Push(text, parse(text))


def sign(token: str, *texts: str) -> str:
    """Return the signature of the texts: hex SHA-1 of them and the token, sorted and joined."""
    # WeChat's protocol prescribes SHA-1.
    return hashlib.sha1("".join(sorted([token, *texts])).encode()).hexdigest()  # noqa: S324


def decrypt(keys: PushKeys, sealed: str) -> bytes:
    """Decrypt the text of an `Encrypt` whose signature was checked. Raises PushRefused."""
    try:
        data = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        raise PushRefused("Encrypt is not base64") from None
    if not data or len(data) % 16:
        raise PushRefused("Encrypt is not a whole number of blocks")
    decryptor = Cipher(AES(keys.key), CBC(keys.key[:16])).decryptor()
    plain = decryptor.update(data) + decryptor.finalize()
    padding = plain[-1]
    if not 1 <= padding <= PADDING or not plain.endswith(bytes([padding]) * padding):
        raise PushRefused("wrong padding: another EncodingAESKey")
    plain = plain[:-padding]
    start = RANDOM + LENGTH
    end = start + int.from_bytes(plain[RANDOM:start], "big")
    if len(plain) < start or end > len(plain):
        raise PushRefused("the length is wrong")
    if not hmac.compare_digest(plain[end:], keys.appid.encode()):
        raise PushRefused("the push is for another AppID")
    return plain[start:end]


def encrypt(keys: PushKeys, text: bytes, random: bytes | None = None) -> str:
    """Encrypt a text as WeChat does, for the sandbox and tests; `random` is 16 bytes."""
    head = (random or os.urandom(RANDOM)) + len(text).to_bytes(LENGTH, "big")
    plain = head + text + keys.appid.encode()
    padding = PADDING - len(plain) % PADDING
    encryptor = Cipher(AES(keys.key), CBC(keys.key[:16])).encryptor()
    sealed = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def seal_push(keys: PushKeys, text: bytes) -> tuple[dict[str, str], bytes]:
    """Return query and body of a push as WeChat sends it, for the sandbox and tests."""
    query = {"timestamp": str(int(time.time())), "nonce": secrets.token_hex(5)}
    signed = {**query, "signature": sign(keys.token, *query.values())}
    if keys.aes_key is None:
        return signed, text
    sealed = encrypt(keys, text)
    signature = sign(keys.token, *query.values(), sealed)
    body = json.dumps({"ToUserName": "gh_sandbox", "Encrypt": sealed}).encode()
    return {**signed, "encrypt_type": "aes", "msg_signature": signature}, body


def _check(query: Mapping[str, str], name: str, token: str, *signed: str) -> None:
    given = _parameter(query, name)
    texts = (_parameter(query, "timestamp"), _parameter(query, "nonce"), *signed)
    if not hmac.compare_digest(given.encode(), sign(token, *texts).encode()):
        raise PushRefused(f"{name} is wrong: the Token in the console and in the settings differ")


def _parameter(query: Mapping[str, str], name: str) -> str:
    value = query.get(name, "")
    if not _PARAMETER.fullmatch(value):
        raise PushRefused(f"{name} is missing or unusable")
    return value
