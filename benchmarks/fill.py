"""Fill a database with live sessions by SQL, without the app.

    data = fill(Sqlite(folder / "myapi.db"), "myapi", sessions=10_000_000)

Each session has its own user, up to a million users. `TOKENS` sessions, evenly spread over the
table, have usable tokens. Their last use is the time of filling, so reading with them writes
nothing. The keys of all other rows are ascending and evenly spread, so filling only appends.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.databases import Database, Sqlite
from benchmarks.results import MYAPI, PEERS
from myapi.security.tokens import Tokens
from myapi.settings import ROOT

TOKENS = 10_000
USERS = 1_000_000  # at most
APPID = "wx0123456789abcdef"
SECRET = "a key for benchmarks only 0123456789"
SCHEMA = Path(__file__).parent / "peers" / "schema.sql"


@dataclass(frozen=True)
class Filled:
    database: Database
    sessions: int
    tokens: Path  # of live sessions, one per line
    forged: Path  # the same with invalid signatures
    seconds: float  # spent on filling


def fill(database: Database, stack: str, sessions: int, folder: Path) -> Filled:
    """Create the tables of a stack and fill them."""
    started = time.monotonic()
    tokens = FILLERS[stack](database, sessions)
    live = folder / f"{time.time_ns()}.tokens"
    forged = live.with_suffix(".forged")
    live.write_text("\n".join(tokens) + "\n")
    forged.write_text("".join(f"{token[:-6]}AAAAAA\n" for token in tokens))
    return Filled(database, sessions, live, forged, time.monotonic() - started)


def myapi_environment(database: Database, **settings: object) -> dict[str, str]:
    """Return the environment of a production myapi, without the caller's MYAPI_ variables."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MYAPI_")}
    variables = {
        "env": "production",
        "secret_keys": SECRET,
        "database_url": database.myapi_url,
        "wechat_appid": APPID,
        "wechat_secret": "unused",
        **settings,
    }
    return inherited | {f"MYAPI_{name.upper()}": str(value) for name, value in variables.items()}


def _fill_myapi(database: Database, sessions: int) -> list[str]:
    subprocess.run(
        [sys.executable, "-m", "flask", "db", "upgrade"],
        cwd=ROOT,
        env=myapi_environment(database),
        check=True,
        capture_output=True,
    )
    moment = f"'{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S.%f}'"
    users = min(sessions, USERS)
    database.insert("users", _user_columns(moment), users)
    database.insert(
        "sessions",
        {
            "public_id": "hex24(n)",
            "user_id": f"1 + n % {users}",
            "token_digest": f"digest(n, {sessions})",
            "code_digest": f"digest(n, {sessions})",
            **_session_columns(moment),
        },
        sessions,
    )
    signer = Tokens((SECRET,))
    issued = [(signer.new(), session) for session in _usable_sessions(sessions)]
    database.run(
        "UPDATE sessions SET token_digest = ? WHERE id = ?",
        [(token.digest, session) for token, session in issued],
    )
    return [token.text for token, _ in issued]


def _fill_peer(database: Database, sessions: int) -> list[str]:
    kind = "INTEGER" if isinstance(database, Sqlite) else "BIGINT AUTO_INCREMENT"
    schema = SCHEMA.read_text().replace("@ID@", f"{kind} PRIMARY KEY")
    for statement in schema.partition("\n")[2].split(";\n"):
        if statement.strip():
            database.run(statement)
    moment = str(time.time_ns() // 1_000_000)
    users = min(sessions, USERS)
    database.insert("users", _user_columns(moment), users)
    columns = {"user_id": f"1 + n % {users}", **_session_columns(moment)}
    database.insert("sessions", columns, sessions)
    return [_jwt({"sid": session}) for session in _usable_sessions(sessions)]


def _user_columns(moment: str) -> dict[str, str]:
    return {
        "id": "n",
        "public_id": "hex24(n)",
        "appid": f"'{APPID}'",
        "openid": "hex24(n)",
        "nickname": "hex24(n)",
        "created_at": moment,
    }


def _session_columns(moment: str) -> dict[str, str]:
    return {
        "id": "n",  # MariaDB's auto-increment skips ids between statements
        "ip": "'192.0.2.1'",
        "user_agent": "'bench'",
        "created_at": moment,
        "last_seen_at": moment,
    }


def _usable_sessions(sessions: int) -> list[int]:
    """Return the ids of the sessions that get usable tokens, evenly spread."""
    count = min(TOKENS, sessions)
    return [1 + n * sessions // count for n in range(count)]


def _jwt(claims: dict[str, object]) -> str:
    """Sign as the peers do: HS256 with `iat` and `exp`."""
    now = int(time.time())
    head = {"alg": "HS256", "typ": "JWT"}
    claims = {**claims, "iat": now, "exp": now + 30 * 86400}
    text = ".".join(_base64(json.dumps(p, separators=(",", ":")).encode()) for p in (head, claims))
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_base64(signature)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


FILLERS = {MYAPI: _fill_myapi, **dict.fromkeys(PEERS, _fill_peer)}
