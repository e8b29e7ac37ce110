"""The same routes as raw WSGI: no Flask, no log, no metrics, no request id; only SQLite."""

import json
import sqlite3
import threading
from datetime import datetime, timezone

from myapi.security.tokens import TokenInvalidError, Tokens
from myapi.settings import Settings

_settings = Settings.from_env()
_tokens = Tokens(_settings.secret_keys)
_local = threading.local()
_FIND = """
    SELECT u.public_id, u.nickname, u.avatar_url, u.phone, u.created_at
    FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.token_digest = ? AND s.ended_at IS NULL AND u.banned_at IS NULL
"""


def app(environ, start_response):
    status, answer = _ROUTES.get(environ["PATH_INFO"], _not_found)(environ)
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]


def _hello(_environ):
    time = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    return "200 OK", {"code": 0, "msg": "Hello from Aliyun Lighthouse!", "time": time}


def _me(environ):
    token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
    try:
        digest = _tokens.read(token)
    except TokenInvalidError:
        return "401 Unauthorized", {"code": 40101, "error": "token_invalid"}
    row = _connection().execute(_FIND, (digest,)).fetchone()
    if row is None:
        return "401 Unauthorized", {"code": 40102, "error": "session_ended"}
    names = ("id", "nickname", "avatar_url", "phone", "created_at")
    return "200 OK", {"code": 0, "msg": "ok", "data": dict(zip(names, row, strict=True))}


def _not_found(_environ):
    return "404 Not Found", {"code": 40400, "error": "not_found"}


def _connection():
    """Return this thread's connection, opened on first use, after the fork."""
    if not hasattr(_local, "connection"):
        _local.connection = sqlite3.connect(_settings.database_url.removeprefix("sqlite:///"))
    return _local.connection


_ROUTES = {"/api/hello": _hello, "/api/me": _me}
