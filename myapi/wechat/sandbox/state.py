"""The sandbox's state: its users, the codes already used, and the current fault.

One file holds all of it and is shared by threads and processes: see `database`.
"""

import base64
import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from os import PathLike, urandom
from pathlib import Path

from ..crypto import encrypt_user_data, sign_raw_data
from .codes import app_errcode, error_reply, login_errcode, parse_code
from .database import SandboxDatabase
from .faults import parse_kind

_FIND_USER = """
    SELECT appid, session_key FROM users
    WHERE (openid = :user OR name = :user) AND (:appid IS NULL OR appid = :appid)
    ORDER BY openid = :user DESC, rowid DESC LIMIT 1
"""


class UnknownUserError(LookupError):
    """No user with this openid or name has logged in to this sandbox."""


class Sandbox:
    """A fake WeChat. The README, section Sandbox, says what each login code does."""

    def __init__(self, path: str | PathLike[str]) -> None:
        """Keep the state in the file at `path`, created with its folder on first use."""
        self._database = SandboxDatabase(Path(path))

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
        self, appid: str, secret: str, grant_type: str = "client_credential"
    ) -> dict[str, object]:
        """Answer like stable_token: {access_token, expires_in}, or {errcode, errmsg}.

        An app always gets the same token, as repeated calls do while a real one is valid. No
        other call of the sandbox checks it.
        """
        errcode = app_errcode(appid, secret, grant_type, "client_credential")
        if errcode is not None:
            return error_reply(errcode)
        digest = hashlib.sha512(f"{appid}\0token".encode("utf-8", "replace")).digest()
        token = base64.urlsafe_b64encode(digest * 3).decode("ascii")
        return {"access_token": token, "expires_in": 7200}

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

    def take_fault(self) -> str | None:
        """Count one call and return the kind of its fault, None if it has none."""
        with self._database.reading() as db:
            if db.execute("SELECT kind FROM fault").fetchone() is None:
                return None
        with self._database.writing() as db:
            # Another process may have taken the last one meanwhile.
            found = db.execute("SELECT kind FROM fault").fetchone()
            db.execute("UPDATE fault SET times = times - 1")
            db.execute("DELETE FROM fault WHERE times < 1")
        return None if found is None else str(found[0])

    def session_keys(self) -> list[str]:
        """Return every user's session_key, for tests that check where they must not appear."""
        with self._database.reading() as db:
            return [key for (key,) in db.execute("SELECT session_key FROM users")]

    def close(self) -> None:
        """Close the file. The next call opens it again."""
        self._database.close()


def _mark_used(db: sqlite3.Connection, appid: str, code: str) -> bool:
    """Mark a code as used. Returns False if it already was."""
    digest = hashlib.sha256(f"{appid}\0{code}".encode("utf-8", "replace")).digest()
    return db.execute("INSERT OR IGNORE INTO codes VALUES (?)", (digest,)).rowcount == 1
