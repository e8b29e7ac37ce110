"""Reading what WeChat answers: nothing in it is trusted before its type has been checked."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from .errcodes import Errcodes
from .errors import PhoneCodeInvalid, Unavailable
from .token_row import Fetched

#: The longest errmsg that goes to a log, in characters.
ERRMSG_LIMIT = 200

#: The JSON object that WeChat answers with, its values unchecked.
Reply = dict[str, object]

#: Seconds that an access_token lives at most, whatever the answer says.
LONGEST_LIFE = 7200
#: The country code whose numbers are written without it.
CHINA = "86"

_ID = re.compile(r"[!-~]{1,128}")
_TOKEN = re.compile(r"[!-~]{1,1024}")
_MSGID = re.compile(r"[0-9]{1,20}")
_NUMBER = re.compile(r"[0-9]{4,15}")
_COUNTRY = re.compile(r"[1-9][0-9]{0,3}")
_RID = re.compile(r"rid: ([0-9A-Za-z-]{1,64})")


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
        errmsg = reply.get("errmsg")
        raise error(harmless(errmsg, hide), errcode, _rid(errmsg))
    return reply


def read_login(reply: Reply) -> Login:
    """Read what code2Session answers. Raises Unavailable if a field is not what it should be."""
    return Login(
        openid=identifier(reply, "openid"),
        session_key=_session_key(reply),
        unionid=None if reply.get("unionid") in (None, "") else identifier(reply, "unionid"),
    )


def read_token(reply: Reply) -> Fetched:
    """Read what stable_token answers. Raises Unavailable if a field is not what it should be."""
    token, expires_in = reply.get("access_token"), reply.get("expires_in")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Unavailable("access_token is unusable")
    if type(expires_in) is not int or expires_in <= 0:
        raise Unavailable("expires_in is unusable")
    return Fetched(token, min(expires_in, LONGEST_LIFE))


def read_phone(appid: str) -> Callable[[Reply], str]:
    """Read what getuserphonenumber answers: digits, abroad with + and the country code.

    Raises Unavailable if a field is not what it should be, PhoneCodeInvalid if the number was
    given to another mini program.
    """

    def read(reply: Reply) -> str:
        phone = reply.get("phone_info")
        if not isinstance(phone, dict):
            raise Unavailable("phone_info is unusable")
        watermark = phone.get("watermark")
        if not isinstance(watermark, dict) or not isinstance(watermark.get("appid"), str):
            raise Unavailable("the watermark is unusable")
        if watermark["appid"] != appid:
            raise PhoneCodeInvalid("the number was given to another mini program")
        country, number = phone.get("countryCode"), phone.get("purePhoneNumber")
        if not isinstance(number, str) or not _NUMBER.fullmatch(number):
            raise Unavailable("purePhoneNumber is unusable")
        if not isinstance(country, str | int) or not _COUNTRY.fullmatch(str(country)):
            raise Unavailable("countryCode is unusable")
        return number if str(country) == CHINA else f"+{country}{number}"

    return read


def read_msgid(reply: Reply) -> str | None:
    """Read what subscribeMessage.send answers: the id of the message, None if it has none.

    The message is sent in any case, so nothing here is a reason to call it failed.
    """
    msgid = reply.get("msgid")
    text = str(msgid) if isinstance(msgid, str | int) else ""
    return text if _MSGID.fullmatch(text) else None


def identifier(reply: Reply, name: str) -> str:
    """Read an id of at most 128 printable ASCII characters. Raises Unavailable if it is none."""
    value = reply.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Unavailable(f"{name} is unusable")
    return value


def harmless(errmsg: object, hide: Iterable[str]) -> str:
    """Make `errmsg` fit for a log: one short printable line that repeats nothing of `hide`."""
    if not isinstance(errmsg, str):
        return ""
    # Unprintable ones go first: one in the midst of a secret would keep it from being found.
    text = _printable(errmsg)
    for secret in hide:
        for spelling in filter(None, (_printable(secret), *_encoded(secret))):
            text = text.replace(spelling, "***")
    return text[:ERRMSG_LIMIT]


def _printable(text: str) -> str:
    return "".join(filter(str.isprintable, text))


def _rid(errmsg: object) -> str | None:
    """Return the id by which WeChat finds the request, at the end of an errmsg."""
    found = _RID.search(errmsg) if isinstance(errmsg, str) else None
    return found and found[1]


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
