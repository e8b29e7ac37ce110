"""The subscribe messages of the sandbox: what users permit, and one message at a time to a user."""

import re
import sqlite3
import time
from collections.abc import Iterable
from typing import Any

#: Seconds that WeChat takes for a message: another one to the same user meanwhile is refused.
TAKES = 0.01
#: Seconds after which a message is not on its way any more, whatever became of its process.
LOST = 5.0

STATES = ("developer", "trial", "formal")
LANGUAGES = ("zh_CN", "en_US", "zh_HK", "zh_TW")

_TEMPLATE = re.compile(r"[A-Za-z0-9_-]{1,128}")
#: A template of a name that begins so does not exist.
_UNKNOWN = "unknown"
#: A word in a value → errcode.
_WORDS = {"risky": 45168, "forbidden": 43107}


def body_errcode(body: dict[str, Any] | None) -> tuple[int, str]:
    """Return 0, or the errcode of a body that cannot be sent, and what is wrong in it."""
    if body is None or not isinstance(body.get("touser"), str):
        return 47001, ""
    template, data = body.get("template_id"), body.get("data")
    if not isinstance(template, str) or not _TEMPLATE.fullmatch(template):
        return 40037, ""
    if template.startswith(_UNKNOWN):
        return 40037, ""
    page = body.get("page", "")
    if not isinstance(page, str) or page.startswith("/"):
        return 41030, ""
    if body.get("miniprogram_state") not in STATES or body.get("lang") not in LANGUAGES:
        return 40097, ""
    if not isinstance(data, dict) or not data:
        return 47003, "argument invalid! data is empty"
    return _values_errcode(data)


def permit(
    db: sqlite3.Connection, appid: str, openid: str, results: Iterable[tuple[str, str]]
) -> None:
    """Note what a user answered to the dialog."""
    for template, answer in results:
        key = (appid, openid, template)
        if answer.startswith("accept"):
            db.execute(
                "INSERT INTO permissions VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE"
                " SET count = count + 1",
                key,
            )
        elif answer == "reject":
            db.execute("DELETE FROM permissions WHERE (appid, openid, template) = (?, ?, ?)", key)


def begin(db: sqlite3.Connection, appid: str, body: dict[str, Any]) -> tuple[int, int]:
    """Begin to send a message: its id and 0, or 0 and the errcode why it is not sent."""
    openid, template, now = body["touser"], body["template_id"], time.time()
    on_its_way = "SELECT 1 FROM messages WHERE openid = ? AND ended_at IS NULL AND began_at > ?"
    if db.execute(on_its_way, (openid, now - LOST)).fetchone():
        return 0, 43108
    used = db.execute(
        "UPDATE permissions SET count = count - 1"
        " WHERE (appid, openid, template) = (?, ?, ?) AND count > 0",
        (appid, openid, template),
    )
    if used.rowcount == 0:
        return 0, 43101
    inserted = db.execute(
        "INSERT INTO messages (openid, template, began_at) VALUES (?, ?, ?)",
        (openid, template, now),
    )
    return int(inserted.lastrowid or 0), 0


def end(db: sqlite3.Connection, msgid: int) -> None:
    """End it: the user has the message."""
    db.execute("UPDATE messages SET ended_at = ? WHERE id = ?", (time.time(), msgid))


def sent_event(openid: str, template: str, msgid: int) -> dict[str, Any]:
    """Return the event that follows a message."""
    item = {
        "TemplateId": template,
        "MsgID": str(msgid),
        "ErrorCode": "0",
        "ErrorStatus": "success",
    }
    return {
        "ToUserName": "gh_sandbox",
        "FromUserName": openid,
        "CreateTime": str(int(time.time())),
        "MsgType": "event",
        "Event": "subscribe_msg_sent_event",
        "List": item,
    }


def _values_errcode(data: dict[str, Any]) -> tuple[int, str]:
    for name, each in data.items():
        value = each.get("value") if isinstance(each, dict) else None
        if not isinstance(value, str) or not value or "\n" in value:
            return 47003, f"argument invalid! data.{name}.value is empty or invalid"
        if name.startswith("thing") and len(value) > 20:
            return 47003, f"argument invalid! data.{name}.value is too long"
        for word, errcode in _WORDS.items():
            if word in value:
                return errcode, ""
    return 0, ""
