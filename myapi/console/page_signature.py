"""What a page without an operator, such as that of a link, adds to the address of its stylesheet.

Strangers must not find the stylesheet, and the link's own secret must be in no second address.
"""

import hashlib

from itsdangerous import BadSignature, TimestampSigner

from myapi.extensions import settings

AGE = 300  # s for which a signature is good


def sign() -> str:
    return _signer().sign("page").decode()


def is_signed(text: str) -> bool:
    try:
        return _signer().unsign(text, max_age=AGE) == b"page"
    except BadSignature:  # SignatureExpired is one
        return False


def _signer() -> TimestampSigner:
    return TimestampSigner(
        list(settings().secret_keys),
        salt="myapi.console-page",
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )
