"""A service with believable users, events, messages and hours, for pictures of the console."""

import json
import math
from collections import Counter
from datetime import datetime, timedelta, timezone

from sqlalchemy import insert, text, update

from myapi import audit
from myapi.audit import hours
from myapi.audit.models import AuditEntry
from myapi.auth.models import Session
from myapi.db import reports
from myapi.db.transactions import write
from myapi.extensions import keyring
from myapi.messages.models import Message, Permission
from myapi.observability.hourly import beginning_of_hour
from myapi.push.models import Event
from myapi.settings import SANDBOX_APPID
from myapi.users import accounts, total
from myapi.users.models import User

TEMPLATES = (
    "Nnw0UrYTn8VQ6gIJuoLpL_7dLnVrVg0yQ8Qq2sC0sDk",
    "8yQpV3mIU1h7xT2FJvVhL9WkA0oBzE5rSgM4nKdRc6Y",
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) MicroMessenger/8.0.60"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0) MicroMessenger/7.0.20 WindowsWechat"
FINDINGS = {
    "en": (
        "MYAPI_RATE_LIMIT_STORAGE_URL is memory://, and there are 2 workers",
        "",
        "set it to a redis:// URL, so that all count together",
        "valid until 2027-02-12 (74 days left)",
    ),
    "zh": (
        "MYAPI_RATE_LIMIT_STORAGE_URL 为 memory://，但有 2 个进程",
        "",
        "改为 redis:// URL，让所有进程一起计数",
        "有效期至 2027-02-12（还有 74 天）",
    ),
}


def fill(app, at=None):
    """Fill the database of `app`; return the public id of the user on the pictures."""
    at = at or datetime.now(timezone.utc)
    with app.app_context():
        users = [row.id for row in write(lambda tx: tx.execute(text("SELECT id FROM users")).all())]
        xiaoming = write(_find_xiaoming)
        write(lambda tx: _spread(tx, users, at))
        write(lambda tx: _devices(tx, xiaoming, at))
        write(lambda tx: _messages(tx, users, xiaoming, at))
        write(lambda tx: _events(tx, at))
        write(lambda tx: _audit(tx, accounts.lock(tx, xiaoming).public_id, at))
        _hours(at, len(users))
        reports.leave(reports.BACKUP, {"size": 18_400_000})
        checks = {language: list(_checks(language)) for language in FINDINGS}
        reports.leave(reports.DOCTOR, {"verdict": "warn", "checks": checks})
        return write(lambda tx: accounts.lock(tx, xiaoming).public_id)


def _find_xiaoming(tx):
    return tx.execute(text("SELECT id FROM users WHERE nickname = '小明'")).scalar_one()


def _spread(tx, users, at):
    """Let users sign up over weeks, the newest last, and be seen since."""
    for back, user in enumerate(reversed(users)):
        created = at - timedelta(hours=3 * back * back / 4 + 0.4)
        number = keyring().seal(f"138{user * 7919 % 10**8:08}") if user % 3 else None
        values = {"created_at": created, "phone": number}
        tx.execute(update(User).where(User.id == user).values(values))
        seen = {"created_at": created, "last_seen_at": created + (at - created) * 0.93}
        tx.execute(update(Session).where(Session.user_id == user).values(seen))


def _devices(tx, user, at):
    ended = update(Session).where(Session.user_id == user)
    tx.execute(ended.values(ended_at=at))
    for number, (agent, ip, ago) in enumerate(
        ((IPHONE, "203.0.113.24", 0.2), (DESKTOP, "198.51.100.7", 31))
    ):
        values = {
            "public_id": f"{number + 10:024x}",
            "user_id": user,
            "token_digest": bytes([number]) * 32,
            "code_digest": bytes([number]) * 32,
            "ip": ip,
            "user_agent": agent,
            "created_at": at - timedelta(hours=ago + 60),
            "last_seen_at": at - timedelta(hours=ago),
        }
        tx.execute(insert(Session).values(values))


def _messages(tx, users, xiaoming, at):
    states = ("sent", "sent", "sent", "failed", "sent", "waiting", "sent", "unknown", "sent")
    for number in range(24):
        user = xiaoming if number % 8 == 1 else users[number % len(users)]
        state = states[number % len(states)]
        moment = at - timedelta(hours=2 * (24 - number) - 1.5)
        values = {
            "user_id": user,
            "template_id": TEMPLATES[number % 2],
            "state": state,
            "attempts": 1,
            "error": "message_not_permitted" if state == "failed" else None,
            "errcode": 43101 if state == "failed" else None,
            "created_at": moment,
            "next_at": moment,
            "sent_at": moment if state == "sent" else None,
        }
        tx.execute(insert(Message).values(values))
    for template, left in zip(TEMPLATES, (3, 0), strict=True):
        values = {"by_events": 5, "by_phone": 5, "sent": 5 - left}
        tx.execute(insert(Permission).values(user_id=xiaoming, template_id=template, **values))


def _events(tx, at):
    names = ("subscribe_msg_popup_event", "subscribe_msg_sent_event", "wxa_media_check")
    for number in range(22):
        failed = number in (15, 19)
        values = {
            "appid": SANDBOX_APPID,
            "digest": bytes([number]) * 32,
            "name": names[number % 3],
            "text": keyring().seal(json.dumps({"Event": names[number % 3]})),
            "state": "failed" if failed else "done",
            "attempts": 9 if failed else 1,
            "last_error": "KeyError" if failed else None,
            "created_at": at - timedelta(hours=1.4 * (22 - number)),
            "next_at": at - timedelta(hours=1.4 * (22 - number)),
        }
        tx.execute(insert(Event).values(values))


def _audit(tx, user, at):
    rows = (
        ("operator", "王芳", "console_opened", None, None, 54, None),
        ("command", "deploy", "reencrypt", None, None, 52, None),
        ("user", None, "avatar_removed", user, None, 30, None),
        ("operator", "王芳", "phone_shown", user, "用户来电核对订单", 26, None),
        ("operator", "王芳", "revoke", user, "旧手机丢失，用户要求下线", 25, None),
        ("system", None, "purge", None, None, 9, None),
        ("command", "deploy", "console_link", None, None, 0.1, {"operator": "李雷"}),
    )
    for kind, name, event, whom, reason, ago, details in rows:
        values = {
            "appid": SANDBOX_APPID,
            "at": at - timedelta(hours=ago),
            "actor_kind": kind,
            "actor_name": name,
            "event": event,
            "user": whom,
            "reason": reason,
            "details": json.dumps(details) if details else None,
        }
        tx.execute(insert(AuditEntry).values(values))
    assert audit.KINDS


def _hours(at, users):
    last = beginning_of_hour(at)
    for back in range(24):
        hour = last - timedelta(hours=back)
        busy = 1 + math.sin((hour.hour - 1) / 24 * 2 * math.pi)
        logins = int(40 + 320 * busy + 31 * (back * 7 % 5))
        counts = Counter(
            {
                "login.ok": logins,
                "login.login_code_invalid": logins // 38 + (70 if back == 6 else 0),
                "wechat.ok": logins + 11,
                "wechat.wechat_timeout": 17 if back == 6 else back % 3 // 2,
                total.SIGNUP: 1 + back % 4,
            }
        )
        for name, count in counts.items():
            if count:
                hours.put(hour, name, count)
    hours.put(last - timedelta(hours=14), hours.USERS, 128_431 + users)


def _checks(language):
    evidence, symptom, fix, dates = FINDINGS[language]
    yield {"id": "limits", "status": "warn", "symptom": symptom, "evidence": evidence, "fix": fix}
    yield {"id": "dates", "status": "ok", "symptom": "", "evidence": dates, "fix": ""}
