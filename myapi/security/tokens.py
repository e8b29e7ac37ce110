"""Bearer tokens: an itsdangerous signature over a random session secret.

A forged token is refused by its signature, without a query. The session is found by the digest of
the secret, and only that digest is stored. It is not the digest of the whole token: base64 has
unused bits in the last character of the signature, so several strings are valid for one session.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import want_bytes

SECRET_BYTES = 24  # 192 random bits; a multiple of 3, so base64 has no padding or unused bits
# Secret and signature (SHA-256) in base64url, whose decoder would ignore other characters.
FORMAT = re.compile(r"[A-Za-z0-9_-]{32}\.[A-Za-z0-9_-]{43}")


class TokenInvalidError(Exception):
    """The signature or the format of a token is wrong."""


class Token(NamedTuple):
    text: str
    digest: bytes


class Tokens:
    """Signs with the last of the secret keys, reads with any of them."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._signer = _Signer(
            list(secret_keys),
            salt="myapi.session-token",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )

    def new(self) -> Token:
        """Make a new token. Store only its digest (SHA-256, 32 bytes)."""
        secret = secrets.token_urlsafe(SECRET_BYTES).encode()
        return Token(self._signer.sign(secret).decode(), _digest(secret))

    def read(self, text: str) -> bytes:
        """Return the digest of a token's secret, or raise `TokenInvalidError`."""
        if not FORMAT.fullmatch(text):
            raise TokenInvalidError
        try:
            return _digest(self._signer.unsign(text))
        except BadSignature:
            raise TokenInvalidError from None


class _Signer(Signer):
    """A signer that derives a key from each secret key once, and not again for each token."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._derived = {key: super(_Signer, self).derive_key(key) for key in self.secret_keys}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        return self._derived[want_bytes(secret_key or self.secret_key)]


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
