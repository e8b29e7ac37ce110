"""The secrets of links and cookies: random, and only their SHA-256 is stored."""

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

SECRET_BYTES = 32
FORMAT = re.compile(r"[A-Za-z0-9_-]{43}")


class Secret(NamedTuple):
    text: str
    digest: bytes


def new() -> Secret:
    """Make a secret of 256 random bits."""
    text = secrets.token_urlsafe(SECRET_BYTES)
    return Secret(text, _digest(text))


def digest_of(text: str) -> bytes | None:
    """Return the digest of a secret; None if the text has not the form of one."""
    return _digest(text) if FORMAT.fullmatch(text) else None


def csrf_token(cookie: str) -> str:
    """Return what the forms of an operator carry; without the cookie it cannot be made."""
    return hmac.new(cookie.encode(), b"myapi.console.csrf", hashlib.sha256).hexdigest()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
