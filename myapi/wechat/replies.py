"""Reading what WeChat answers: nothing in it is trusted before its type has been checked."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from .errors import Errcodes, Unavailable

#: The longest errmsg that goes to a log, in characters.
ERRMSG_LIMIT = 200

#: The JSON object that WeChat answers with, its values unchecked.
Reply = dict[str, object]

_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class Login:
    """The user of a login code. The session_key decrypts their data and stays on the server."""

    openid: str
    session_key: str = field(repr=False)
    unionid: str | None = None


def read_reply(body: bytes, errcodes: Errcodes, *, hide: Iterable[str] = ()) -> Reply:
    """Read a reply, or raise the WeChatError that its errcode stands for.

    `errcode` is left out or 0 when all went well. `hide` are the request's own secrets: an errmsg
    that repeats one goes on without it.
    """
    reply = _json_object(body)
    errcode = reply.get("errcode", 0)
    if type(errcode) is not int or abs(errcode) >= 2**31:
        raise Unavailable("errcode is no integer")
    if errcode:
        error = errcodes.get(errcode, Unavailable)
        raise error(harmless(reply.get("errmsg"), hide), errcode)
    return reply


def read_login(reply: Reply) -> Login:
    """Read what code2Session answers. Raises Unavailable if a field is not what it should be."""
    return Login(
        openid=_identifier(reply, "openid"),
        session_key=_session_key(reply),
        unionid=None if reply.get("unionid") in (None, "") else _identifier(reply, "unionid"),
    )


def harmless(errmsg: object, hide: Iterable[str]) -> str:
    """Make `errmsg` fit for a log: one short printable line that repeats nothing of `hide`."""
    if not isinstance(errmsg, str):
        return ""
    # Unprintable ones go first: one in the midst of a secret would keep it from being found.
    text = "".join(character for character in errmsg if character.isprintable())
    for secret in filter(None, hide):
        for spelling in (secret, *_encoded(secret)):
            text = text.replace(spelling, "***")
    return text[:ERRMSG_LIMIT]


def _encoded(secret: str) -> list[str]:
    """List the spellings that a URL may have for it."""
    return [
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    ]


def _json_object(body: bytes) -> Reply:
    """JSON whatever the Content-Type says: the real one says text/plain."""
    try:
        reply = json.loads(body.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        reply = None
    # Raised out here, since a JSON error keeps the whole reply, and that may hold a session_key.
    if not isinstance(reply, dict):
        raise Unavailable("not a JSON object")
    return reply


def _unique(pairs: list[tuple[str, object]]) -> Reply:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice: another parser could read the other value")
    return found


def _identifier(reply: Reply, name: str) -> str:
    value = reply.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Unavailable(f"{name} is unusable")
    return value


def _session_key(reply: Reply) -> str:
    """Base64 of an AES-128 key, kept as the text it came as."""
    value = reply.get("session_key")
    if not isinstance(value, str) or _decoded_length(value) != 16:
        raise Unavailable("session_key is unusable")
    return value


def _decoded_length(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return -1
