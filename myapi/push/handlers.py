"""The handlers of events: those of myapi run first, then those of the team's own code."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from flask import Flask, current_app

from myapi.extensions import settings
from myapi.push import inbox, message_events
from myapi.push.people import find_user, openid_in
from myapi.users import avatar_check, erasure, phone, profile

log = logging.getLogger(__name__)

#: Called with the event as WeChat sent it. If it raises, the event is handled again later, by all
#: its handlers: each may be called twice for one event.
Handler: TypeAlias = Callable[[dict[str, Any]], object]

#: Seconds after a verdict for which its picture may still be on its way.
NEW = 120
#: What `RevokeInfo` names: WeChat's number → what of ours it is.
REVOKED = {
    "6": ("nickname", "avatar"),
    "8": ("phone",),
    "19": ("nickname",),
    "20": ("avatar",),
}


def init_app(app: Flask) -> None:
    app.extensions["event_handlers"] = {name: [handler] for name, handler in BUILT_IN.items()}


def register(app: Flask, name: str, handler: Handler) -> None:
    """Call `handler` for each event of that name, after those of myapi."""
    app.extensions["event_handlers"].setdefault(name, []).append(handler)


def handle(name: str, event: dict[str, Any]) -> None:
    """Call all handlers of an event. An event without any is well: most are news alone."""
    handlers: dict[str, list[Handler]] = current_app.extensions["event_handlers"]
    for handler in handlers.get(name, []):
        handler(event)


def revoke(event: dict[str, Any]) -> None:
    """Delete what a user no longer permits us to have."""
    if event.get("PluginID"):
        log.info("a permission of a plugin was withdrawn", extra={"event": "revoked_plugin"})
        return
    number = str(event.get("RevokeInfo", "")).strip()
    user = find_user(event)
    if number not in REVOKED:
        log.info("a permission was withdrawn that we do not use: %s", number[:8])
    elif user is not None:
        for what in REVOKED[number]:
            DELETE[what](user.id)


def cancel(event: dict[str, Any]) -> None:
    """Erase the account of a user who has closed the WeChat account, and what events say of it."""
    if (user := find_user(event)) is not None:
        erasure.erase(user.id)
    elif (openid := openid_in(event)) is not None:  # the account was erased before
        inbox.forget(openid)


def clear_profile(event: dict[str, Any]) -> None:
    """Clear the nickname and avatar that WeChat has found risky."""
    if (user := find_user(event)) is not None:
        profile.update_profile(user.id, {"nickname": None, "avatar_url": None})


def warn_of_punishment(event: dict[str, Any]) -> None:
    """Log what the platform holds against the mini program: nobody reads its mail."""
    log.error(
        "WeChat punishes this mini program (event_type %s): see the console's messages",
        str(event.get("event_type", ""))[:8],
        extra={"event": "punished"},
    )


def judge_picture(event: dict[str, Any]) -> None:
    """Carry out WeChat's verdict on a picture: a risky one is deleted."""
    trace_id, result = str(event.get("trace_id", "")).strip(), event.get("result")
    if str(event.get("errcode", 0)).strip() != "0" or not isinstance(result, dict):
        log.warning(
            "WeChat could not judge a picture (errcode %s)",
            str(event.get("errcode"))[:12],
            extra={"event": "picture_not_judged"},
        )
        return
    label = str(result.get("label", "")).strip()
    suggest = str(result.get("suggest", "")).strip()
    known = avatar_check.judged(trace_id, suggest, int(label) if label.isdecimal() else 0)
    if not known and settings().checks_pictures and _is_new(event):
        raise LookupError("the picture of this verdict is not there yet")


def _is_new(event: dict[str, Any]) -> bool:
    """Whether the picture may still be on its way: its event can come before the answer does."""
    created = str(event.get("CreateTime", "")).strip()
    return created.isdecimal() and time.time() - int(created) < NEW


DELETE: dict[str, Callable[[int], object]] = {
    "nickname": lambda user_id: profile.update_profile(user_id, {"nickname": None}),
    "avatar": lambda user_id: profile.update_profile(user_id, {"avatar_url": None}),
    "phone": phone.remove_phone,
}

BUILT_IN: dict[str, Handler] = {
    "user_authorization_revoke": revoke,
    "user_authorization_cancellation": cancel,
    "user_info_modified": clear_profile,
    "wxa_media_check": judge_picture,
    "wxa_punish_event": warn_of_punishment,
    "subscribe_msg_popup_event": message_events.count_permissions,
    "subscribe_msg_change_event": message_events.count_permissions,
    "subscribe_msg_sent_event": message_events.confirm,
}
