"""The access_tokens that the sandbox has given out."""

import secrets
import sqlite3
import time

#: Seconds before its end from which on a new token is given beside the old one.
OVERLAP = 300

#: Seconds between two forced refreshes, and how many a day there may be.
FORCED_PAUSE = 30
FORCED_PER_DAY = 20

_DAY = 86_400


def issue(db: sqlite3.Connection, appid: str, life: int, *, force: bool) -> tuple[str, int]:
    """Return an app's present token, or a new one that lives for `life` seconds, and its seconds.

    A forced refresh ends the app's other tokens at once. If it comes too early or too often, it
    changes nothing.
    """
    now = time.time()
    if force and _may_force(db, appid, now):
        db.execute("DELETE FROM tokens WHERE appid = ?", (appid,))
        db.execute("INSERT INTO forced VALUES (?, ?)", (appid, now))
    least = 0 if force else OVERLAP
    present = db.execute(
        "SELECT token, expires_at - ? FROM tokens WHERE appid = ? AND expires_at > ?"
        " ORDER BY rowid DESC LIMIT 1",
        (now, appid, now + least),
    ).fetchone()
    if present is not None:
        return present[0], int(present[1])
    token = secrets.token_urlsafe(192)
    db.execute("INSERT INTO tokens VALUES (?, ?, ?)", (token, appid, now + life))
    return token, life


def find_app(db: sqlite3.Connection, token: str) -> tuple[str, int]:
    """Return the AppID of a token and 0, or "" and the errcode of a token that does not work."""
    if not token:
        return "", 41001
    found = db.execute("SELECT appid, expires_at FROM tokens WHERE token = ?", (token,)).fetchone()
    if found is None:
        return "", 40001
    appid, expires_at = found
    return (appid, 0) if time.time() < expires_at else ("", 42001)


def _may_force(db: sqlite3.Connection, appid: str, now: float) -> bool:
    today, latest = db.execute(
        "SELECT count(*), coalesce(max(at), 0) FROM forced WHERE appid = ? AND at > ?",
        (appid, now - _DAY),
    ).fetchone()
    return bool(today < FORCED_PER_DAY and now - latest >= FORCED_PAUSE)
