"""What an event is called, and which user it is about."""

from typing import Any

from myapi.users import accounts
from myapi.users.accounts import UserRow

#: Events whose user is in OpenID. FromUserName is the platform's own account in them, and looks
#: like an openid: erasing by it would erase nobody, or another person.
BY_OPENID = {
    "user_info_modified",
    "user_authorization_revoke",
    "user_authorization_cancellation",
}
#: Events of the mini program, of no user.
OF_NOBODY = {"wxa_media_check", "wxa_punish_event"}


def name_of(event: dict[str, Any]) -> str:
    """Return the name of an event, or the type of a message, as far as it is one.

    Without white space around it, which samples of WeChat have around values.
    """
    for field in ("Event", "MsgType"):
        value = event.get(field)
        name = value.strip() if isinstance(value, str) else ""
        if name and name.isascii() and name.isprintable():
            return name[:64]
    return "-"


def openid_in(event: dict[str, Any]) -> str | None:
    """Return the openid of the user that an event names, or None."""
    name = name_of(event)
    if name in OF_NOBODY:
        return None
    openid = event.get("OpenID" if name in BY_OPENID else "FromUserName")
    return openid.strip() if isinstance(openid, str) and openid.strip() else None


def find_user(event: dict[str, Any]) -> UserRow | None:
    """Return the user that an event is about; None if it names none, or one without an account."""
    openid = openid_in(event)
    user = None if openid is None else accounts.find(openid)
    return user if user is not None and user.openid == openid else None
