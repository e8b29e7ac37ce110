"""The sandbox's state: its users, codes already used, access_tokens, the fault, and the calls.

One file holds all of it and is shared by threads and processes: see `database`.
"""

import base64
import hashlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from os import PathLike, urandom
from pathlib import Path
from typing import Any

from ..crypto import encrypt_user_data, sign_raw_data
from . import content, phone, pushes, tokens
from .codes import login_errcode, parse_code
from .database import SandboxDatabase
from .errcodes import app_errcode, error_reply
from .faults import TOKEN_ERRCODES, errcode_of, parse_kind

_FIND_USER = """
    SELECT appid, session_key FROM users
    WHERE (openid = :user OR name = :user) AND (:appid IS NULL OR appid = :appid)
    ORDER BY openid = :user DESC, rowid DESC LIMIT 1
"""
_FAULT = "SELECT kind FROM fault"


class UnknownUserError(LookupError):
    """No user with this openid or name has logged in to this sandbox."""


class Sandbox:
    """A fake WeChat. docs/reference/sandbox.md says what each code does."""

    def __init__(self, path: str | PathLike[str], *, token_life: int = 7200) -> None:
        """Keep the state in the file at `path`, created with its folder on first use.

        `token_life` is how many seconds a new access_token works. With 300 or less, every call
        that is not forced gets a new one.
        """
        self._database = SandboxDatabase(Path(path))
        self.token_life = token_life

    def exchange(
        self, appid: str, secret: str, code: str, grant_type: str = "authorization_code"
    ) -> dict[str, object]:
        """Answer like code2Session: {session_key, openid}, or {errcode, errmsg}.

        Each login gives the user a new session_key. Faults do not apply here, see `take_fault`.
        """
        errcode = login_errcode(appid, secret, code, grant_type)
        if errcode is not None:
            return error_reply(errcode)
        name, single_use = parse_code(code)
        session_key = base64.b64encode(urandom(16)).decode("ascii")
        openid = self.openid(name, appid)
        with self._database.writing() as db:
            if single_use and not _mark_used(db, appid, code):
                return error_reply(40163)
            # REPLACE assigns a new rowid, so the newest login has the highest one.
            db.execute("REPLACE INTO users VALUES (?, ?, ?, ?)", (openid, appid, name, session_key))
        return {"session_key": session_key, "openid": openid}

    def stable_token(
        self,
        appid: str,
        secret: str,
        grant_type: str = "client_credential",
        *,
        force_refresh: bool = False,
    ) -> dict[str, object]:
        """Answer like stable_token: {access_token, expires_in}, or {errcode, errmsg}.

        An app gets its present token with the seconds that are left, and in its last 5 minutes a
        new one beside it. `force_refresh` gives a new one and ends the others at once, but not
        within 30 s of the last forced refresh, nor more than 20 times in 24 hours.
        """
        errcode = app_errcode(appid, secret, grant_type, "client_credential")
        if errcode is not None:
            return error_reply(errcode)
        with self._database.writing() as db:
            token, seconds = tokens.issue(db, appid, self.token_life, force=force_refresh)
        return {"access_token": token, "expires_in": seconds}

    def phone_number(
        self, access_token: str, code: str | None, openid: str = ""
    ) -> dict[str, object]:
        """Answer like getuserphonenumber: {errcode: 0, errmsg, phone_info}, or {errcode, errmsg}.

        phone_info is {phoneNumber, purePhoneNumber, countryCode, watermark: {timestamp, appid}}.
        `code` is None and `openid` is "" if the call does not give them.
        """
        with self._database.writing() as db:
            appid, errcode = tokens.find_app(db, access_token)
            errcode = errcode or _use_phone_code(db, appid, code, openid)
        if code is None or errcode:
            return error_reply(errcode)
        return {"errcode": 0, "errmsg": "ok", "phone_info": phone.phone_info(code, appid)}

    def check_text(self, access_token: str, body: dict[str, Any] | None) -> dict[str, object]:
        """Answer like msg_sec_check: {errcode: 0, errmsg, result, detail, trace_id}, or an error.

        `result` is {suggest, label}: see `content.WORDS`. `body` is None if it is no JSON object.
        """
        with self._database.reading() as db:
            appid, errcode = tokens.find_app(db, access_token)
            errcode = errcode or content.body_errcode(body)
            if errcode or body is None:
                return error_reply(errcode)
            if body.get("version") == 2 and not _is_user(db, appid, body.get("openid")):
                return error_reply(40003)
        return content.judge(body)

    def check_media(
        self, access_token: str, body: dict[str, Any] | None
    ) -> tuple[dict[str, object], dict[str, Any] | None]:
        """Answer like media_check_async, and return the event that follows, if one does.

        The answer is {errcode: 0, errmsg, trace_id}, or an error. `body` is None if it is no JSON
        object.
        """
        with self._database.reading() as db:
            appid, errcode = tokens.find_app(db, access_token)
            body = body or {}
            if not errcode and not isinstance(body.get("media_url"), str):
                errcode = 47001
            found = db.execute(
                "SELECT name FROM users WHERE appid = ? AND openid = ?",
                (appid, str(body.get("openid"))),
            ).fetchone()
        if errcode or found is None:
            return error_reply(errcode or 40003), None
        trace_id = content.trace_id()
        event = pushes.media_event(appid, trace_id, pushes.verdict_on(str(found[0])))
        return {"errcode": 0, "errmsg": "ok", "trace_id": trace_id}, event

    def token_errcode(self, access_token: str) -> int:
        """Return 0, or the errcode of an access_token that does not work."""
        with self._database.reading() as db:
            return tokens.find_app(db, access_token)[1]

    def encrypt(
        self, user: str, data: Mapping[str, object], appid: str | None = None
    ) -> dict[str, str]:
        """Encrypt `data` for a user: {encryptedData, iv, rawData, signature}.

        `user` is an openid or a NAME. If a NAME has logged in to several apps, the newest login is
        used unless `appid` is given. A watermark with the current time is added if `data` has
        none. Raises UnknownUserError.
        """
        with self._database.reading() as db:
            found = db.execute(_FIND_USER, {"user": user, "appid": appid}).fetchone()
        if found is None:
            raise UnknownUserError(f"no user {user!r} has logged in to this sandbox")
        appid, session_key = found
        watermark = {"timestamp": int(time.time()), "appid": appid}
        encrypted_data, iv = encrypt_user_data(session_key, {"watermark": watermark, **data})
        raw_data = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return {
            "encryptedData": encrypted_data,
            "iv": iv,
            "rawData": raw_data,
            "signature": sign_raw_data(raw_data, session_key),
        }

    def openid(self, name: str, appid: str) -> str:
        """Return the openid of NAME in an app: always the same, 28 characters like real ones."""
        digest = hashlib.sha256(f"{appid}\0{name}".encode("utf-8", "replace")).digest()
        return "o" + base64.urlsafe_b64encode(digest).decode("ascii")[:27]

    def set_fault(self, kind: str | int, times: int) -> None:
        """Make the next `times` calls fail, counted over all processes; 0 ends the fault.

        `kind` is one of FAULTS or an errcode. A new fault replaces the current one. Raises
        ValueError.
        """
        text = parse_kind(kind)
        if type(times) is not int or not 0 <= times < 2**31:
            raise ValueError("times must be a whole number; 0 ends the fault")
        with self._database.writing() as db:
            db.execute("DELETE FROM fault")
            if times:
                db.execute("INSERT INTO fault VALUES (?, ?)", (text, times))

    def take_fault(self, *, carries_token: bool = True) -> str | None:
        """Count one call and return the kind of its fault, None if it has none.

        A call that does not carry an access_token leaves a fault of TOKEN_ERRCODES to the next one.
        """
        with self._database.reading() as db:
            if not _hits(db.execute(_FAULT).fetchone(), carries_token):
                return None
        with self._database.writing() as db:
            # Another process may have taken the last one meanwhile.
            found = db.execute(_FAULT).fetchone()
            if not _hits(found, carries_token):
                return None
            db.execute("UPDATE fault SET times = times - 1")
            db.execute("DELETE FROM fault WHERE times < 1")
        return str(found[0])

    def count_call(self, path: str, *, forced: bool = False) -> None:
        """Count one call for `calls`."""
        with self._database.writing() as db:
            db.execute(
                "INSERT INTO calls VALUES (?, ?, 1)"
                " ON CONFLICT (path, forced) DO UPDATE SET count = count + 1",
                (path, forced),
            )

    def calls(self) -> Counter[str]:
        """Return how often each of WeChat's paths was called, over all servers of this file.

        A stable_token call with force_refresh counts as "/cgi-bin/stable_token forced" instead.
        Calls that got a fault count too.
        """
        with self._database.reading() as db:
            rows = db.execute("SELECT path, forced, count FROM calls").fetchall()
        return Counter({f"{path} forced" if forced else path: n for path, forced, n in rows})

    def session_keys(self) -> list[str]:
        """Return every user's session_key, for tests that check where they must not appear."""
        with self._database.reading() as db:
            return [key for (key,) in db.execute("SELECT session_key FROM users")]

    def close(self) -> None:
        """Close the file. The next call opens it again."""
        self._database.close()


def _hits(fault: tuple[str] | None, carries_token: bool) -> bool:
    """Whether the fault that is set hits a call."""
    return fault is not None and (carries_token or errcode_of(fault[0]) not in TOKEN_ERRCODES)


def _use_phone_code(db: sqlite3.Connection, appid: str, code: str | None, openid: str) -> int:
    """Use up a phone code and return 0, or the errcode why it does not work."""
    if code is None:
        return 47001
    if openid and not _is_user(db, appid, openid):
        return 40003
    if code in phone.ERRCODES:
        return phone.ERRCODES[code]
    return 0 if code and _mark_used(db, appid, f"phone number\0{code}") else 40029


def _is_user(db: sqlite3.Connection, appid: str, openid: object) -> bool:
    """Whether the user of an openid has logged in."""
    user = "SELECT 1 FROM users WHERE openid = ? AND appid = ?"
    return db.execute(user, (str(openid), appid)).fetchone() is not None


def _mark_used(db: sqlite3.Connection, appid: str, code: str) -> bool:
    """Mark a code as used. Returns False if it already was."""
    digest = hashlib.sha256(f"{appid}\0{code}".encode("utf-8", "replace")).digest()
    return db.execute("INSERT OR IGNORE INTO codes VALUES (?)", (digest,)).rowcount == 1
