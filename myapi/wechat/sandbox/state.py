"""What the sandbox remembers: users, codes that are used up, and the fault of the day.

All of it is in one file, which any number of threads and processes share: see `database`.
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
from .codes import refusal, refused, refused_app, visitor
from .database import Database
from .faults import fault_kind

_FIND_USER = """
    SELECT appid, session_key FROM users
    WHERE (openid = :user OR name = :user) AND (:appid IS NULL OR appid = :appid)
    ORDER BY openid = :user DESC, rowid DESC LIMIT 1
"""


class UnknownUserError(LookupError):
    """Nobody of that openid or name has logged in here."""


class Sandbox:
    """A WeChat of one's own. Which codes there are: design, The sandbox."""

    def __init__(self, path: str | PathLike[str]) -> None:
        """Keep the state in the file at `path`; it is made with its folder when needed."""
        self._database = Database(Path(path))

    def exchange(
        self, appid: str, secret: str, code: str, grant_type: str = "authorization_code"
    ) -> dict[str, object]:
        """Answer as code2Session does: {session_key, openid}, or {errcode, errmsg}.

        Gives the user a new session_key each time. Faults are not its matter: `take_fault`.
        """
        errcode = refused(appid, secret, code, grant_type)
        if errcode is not None:
            return refusal(errcode)
        name, once = visitor(code)
        session_key = base64.b64encode(urandom(16)).decode("ascii")
        openid = self.openid(name, appid)
        with self._database.writing() as db:
            if once and not _use_up(db, appid, code):
                return refusal(40163)
            # Replacing gives a new rowid, so the newest login comes last.
            db.execute("REPLACE INTO users VALUES (?, ?, ?, ?)", (openid, appid, name, session_key))
        return {"session_key": session_key, "openid": openid}

    def stable_token(
        self, appid: str, secret: str, grant_type: str = "client_credential"
    ) -> dict[str, object]:
        """Answer as stable_token does: {access_token, expires_in}, or {errcode, errmsg}.

        An app gets the same token for ever, as repeated calls within its life do. Nothing else
        here asks for it.
        """
        errcode = refused_app(appid, secret, grant_type, "client_credential")
        if errcode is not None:
            return refusal(errcode)
        digest = hashlib.sha512(f"{appid}\0token".encode("utf-8", "replace")).digest()
        token = base64.urlsafe_b64encode(digest * 3).decode("ascii")
        return {"access_token": token, "expires_in": 7200}

    def encrypt(
        self, user: str, data: Mapping[str, object], appid: str | None = None
    ) -> dict[str, str]:
        """Encrypt `data` for a user: {encryptedData, iv, rawData, signature}.

        `user` is an openid or a NAME; of a NAME in several apps the newest login counts, unless
        `appid` says which. A watermark with the time is added where `data` has none. Raises
        UnknownUserError.
        """
        with self._database.reading() as db:
            found = db.execute(_FIND_USER, {"user": user, "appid": appid}).fetchone()
        if found is None:
            raise UnknownUserError(f"no user {user!r} has logged in on this sandbox")
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
        """Tell the openid of NAME in an app: the same for ever, 28 characters as the real ones."""
        digest = hashlib.sha256(f"{appid}\0{name}".encode("utf-8", "replace")).digest()
        return "o" + base64.urlsafe_b64encode(digest).decode("ascii")[:27]

    def set_fault(self, kind: str | int, times: int) -> None:
        """Spoil the next `times` calls, of all processes together; 0 ends it. Raises ValueError.

        `kind` is one of FAULTS or an errcode. A new fault takes the place of the former one.
        """
        text = fault_kind(kind)
        if type(times) is not int or not 0 <= times < 2**31:
            raise ValueError("times is a whole number, 0 to end the fault")
        with self._database.writing() as db:
            db.execute("DELETE FROM fault")
            if times:
                db.execute("INSERT INTO fault VALUES (?, ?)", (text, times))

    def take_fault(self) -> str | None:
        """Count one call, and return the kind of fault that it meets."""
        with self._database.reading() as db:
            if db.execute("SELECT kind FROM fault").fetchone() is None:
                return None
        with self._database.writing() as db:
            # Another process may have taken the last one since.
            found = db.execute("SELECT kind FROM fault").fetchone()
            db.execute("UPDATE fault SET times = times - 1")
            db.execute("DELETE FROM fault WHERE times < 1")
        return None if found is None else str(found[0])

    def session_keys(self) -> list[str]:
        """List the session_keys of all users, for a test to look for where they may not be."""
        with self._database.reading() as db:
            return [key for (key,) in db.execute("SELECT session_key FROM users")]

    def close(self) -> None:
        """Close the file. A later call opens it again."""
        self._database.close()


def _use_up(db: sqlite3.Connection, appid: str, code: str) -> bool:
    """Mark a code as used. False if it was."""
    digest = hashlib.sha256(f"{appid}\0{code}".encode("utf-8", "replace")).digest()
    return db.execute("INSERT OR IGNORE INTO codes VALUES (?)", (digest,)).rowcount == 1
