"""The events about subscribe messages: what users permit, and whether a message arrived."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from myapi.messages import ledger, settlement
from myapi.push.people import find_user

OF_PERMISSIONS = ("subscribe_msg_popup_event", "subscribe_msg_change_event")

#: In XML the items stand in an element of their own.
WRAPPERS = ("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent")


def count_permissions(event: dict[str, Any]) -> None:
    """Count what a user answered to the dialog, or changed in the settings of the mini program."""
    if (user := find_user(event)) is not None:
        ledger.report(user.id, "by_events", _digest(event), results_in(event))


def results_in(event: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the templates of an event, and what the user answered to each."""
    return [
        (_text(item, "TemplateId"), _text(item, "SubscribeStatusString")) for item in _items(event)
    ]


def confirm(event: dict[str, Any]) -> None:
    """Note whether a message arrived: WeChat tells so after it has taken it."""
    if (user := find_user(event)) is None:
        return
    for item in _items(event):
        msgid, errcode = _text(item, "MsgID"), _text(item, "ErrorCode")
        if msgid.isdecimal() and msgid.isascii() and len(msgid) <= 20:
            failed = int(errcode) if _is_errcode(errcode) else 0
            settlement.confirm(user.id, _text(item, "TemplateId"), msgid, failed)


def _items(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the items: WeChat sends one of them as an object, several as a list."""
    inside = next((event[name] for name in WRAPPERS if isinstance(event.get(name), dict)), event)
    found = inside.get("List")
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, dict):
            yield item


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    return str(value).strip() if isinstance(value, str | int) else ""


def _is_errcode(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) <= 9


def _digest(event: dict[str, Any]) -> str:
    """Return the same for an event that is handled again."""
    return hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
