"""Sealing at rest and keyed digests, with keys derived from the secret keys.

Each purpose has its own derived key (HKDF, RFC 5869), so the output of one purpose does not help to
attack another.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Keyring:
    """Seals with the last of the secret keys and unseals with any of them."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        newest_first = list(reversed(secret_keys))
        self._any_key = MultiFernet([Fernet(_fernet_key(key)) for key in newest_first])
        self._last_key = Fernet(_fernet_key(newest_first[0]))
        self._code_keys = [_derive(key, b"myapi.login-code") for key in newest_first]

    def seal(self, plain: str) -> bytes:
        """Encrypt and authenticate (Fernet: AES-128-CBC with HMAC-SHA256)."""
        return self._any_key.encrypt(plain.encode())

    def unseal(self, sealed: bytes) -> str | None:
        """Return the secret, or None if none of the keys can unseal it."""
        try:
            return self._any_key.decrypt(sealed).decode()
        except InvalidToken:
            return None

    def reseal(self, sealed: bytes) -> bytes | None:
        """Seal a secret again under the last key; None if it already is, or cannot be unsealed."""
        try:
            self._last_key.decrypt(sealed)
        except InvalidToken:
            plain = self.unseal(sealed)
            return None if plain is None else self.seal(plain)
        return None

    def code_digests(self, code: str) -> list[bytes]:
        """Return the keyed digests (HMAC-SHA256) of a login code, the last key's first."""
        return [keyed_digest(key, code) for key in self._code_keys]


def keyed_digest(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _fernet_key(secret_key: str) -> bytes:
    return base64.urlsafe_b64encode(_derive(secret_key, b"myapi.sealed-at-rest"))


def _derive(secret_key: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret_key.encode())
