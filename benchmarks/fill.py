"""Databases with many live sessions, filled by SQL and not through the app.

    data = fill(Sqlite(folder / "myapi.db"), "myapi", sessions=10_000_000)

A session has a user of its own up to a million of them. `TOKENS` of the sessions, evenly spread
over the table, have tokens that can be used; they were last used when the table was filled, so
nothing is written while they are read. The keys of the other rows are spread evenly too, in
order, so that filling only appends.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import pymysql

from myapi.settings import ROOT
from myapi.tokens import Tokens
from tests.servers import HOST, MariaDB

TOKENS = 10_000
USERS = 1_000_000  # at most
CHUNK = 500_000  # rows in one transaction on MariaDB
APPID = "wx0123456789abcdef"
SECRET = "a key of the benchmark alone 0123456789"
SCHEMA = Path(__file__).parent / "peer" / "schema.sql"


class Database(Protocol):
    """A database of one stack, on either engine."""

    myapi_url: str
    peer_url: str

    def run(self, sql: str, rows: Sequence[tuple[object, ...]] = ()) -> None:
        """Run one statement, for each of the rows if there are any."""

    def insert(self, table: str, columns: dict[str, str], count: int) -> None:
        """Insert `count` rows, where each column is an expression in `n` from 1 on."""


@dataclass(frozen=True)
class Filled:
    database: Database
    sessions: int
    tokens: Path  # of live sessions, one a line
    forged: Path  # the same with signatures that are wrong
    seconds: float  # that filling took


def fill(database: Database, stack: str, sessions: int, folder: Path) -> Filled:
    """Make the tables of a stack and fill them."""
    started = time.monotonic()
    tokens = {"myapi": _fill_myapi, "peer": _fill_peer}[stack](database, sessions)
    live = folder / f"{stack}-{sessions}-{time.time_ns()}.tokens"
    forged = live.with_suffix(".forged")
    live.write_text("\n".join(tokens) + "\n")
    forged.write_text("".join(f"{token[:-6]}AAAAAA\n" for token in tokens))
    return Filled(database, sessions, live, forged, time.monotonic() - started)


def myapi_environment(database: Database, **settings: object) -> dict[str, str]:
    """Return the variables of a production myapi, with none of the caller's own."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MYAPI_")}
    given = {
        "env": "production",
        "secret_keys": SECRET,
        "database_url": database.myapi_url,
        "wechat_appid": APPID,
        "wechat_secret": "unused",
        **settings,
    }
    return inherited | {f"MYAPI_{name.upper()}": str(value) for name, value in given.items()}


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
    made = [(signer.new(), session) for session in _spread(sessions)]
    database.run(
        "UPDATE sessions SET token_digest = ? WHERE id = ?",
        [(token.digest, session) for token, session in made],
    )
    return [token.text for token, _ in made]


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
    return [_jwt({"sid": session}) for session in _spread(sessions)]


def _user_columns(moment: str) -> dict[str, str]:
    return {
        "public_id": "hex24(n)",
        "appid": f"'{APPID}'",
        "openid": "hex24(n)",
        "nickname": "hex24(n)",
        "created_at": moment,
    }


def _session_columns(moment: str) -> dict[str, str]:
    return {
        "ip": "'192.0.2.1'",
        "user_agent": "'bench'",
        "created_at": moment,
        "last_seen_at": moment,
    }


def _spread(sessions: int) -> list[int]:
    """Return the ids of the sessions whose tokens are used, all different if there are enough."""
    count = min(TOKENS, sessions)
    return [1 + n * sessions // count for n in range(count)]


def _jwt(claims: dict[str, object]) -> str:
    """Sign as the peer does: HS256, with a time of issue and of expiry."""
    now = int(time.time())
    head = {"alg": "HS256", "typ": "JWT"}
    claims = {**claims, "iat": now, "exp": now + 30 * 86400}
    text = ".".join(_base64(json.dumps(p, separators=(",", ":")).encode()) for p in (head, claims))
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_base64(signature)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# ---- the two engines ----


class Sqlite:
    """A file on a disk, filled without a journal."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.myapi_url = f"sqlite:///{file}"
        self.peer_url = str(file)

    def run(self, sql: str, rows: Sequence[tuple[object, ...]] = ()) -> None:
        with closing(self._connect()) as connection, connection:
            connection.executemany(sql, rows) if rows else connection.execute(sql)

    def insert(self, table: str, columns: dict[str, str], count: int) -> None:
        self.run(f"""
            WITH RECURSIVE numbers(n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {count})
            INSERT INTO {table} ({", ".join(columns)})
            SELECT {", ".join(columns.values())} FROM numbers
        """)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=60)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")  # KiB
        connection.create_function("hex24", 1, "{:024x}".format, deterministic=True)
        connection.create_function("digest", 2, _digest, deterministic=True)
        return connection


def _digest(n: int, count: int) -> bytes:
    """Make the n-th of `count` keys of 32 bytes, in order and evenly spread."""
    return ((n - 1) * 2**32 // count).to_bytes(4, "big") + hashlib.sha224(b"%d" % n).digest()


class Maria:
    """A database on a MariaDB, filled in chunks with its Sequence engine."""

    def __init__(self, server: MariaDB, name: str) -> None:
        self._server, self._name = server, name
        self.myapi_url = server.create_database(name)
        login = f"{server.user}:{server.password}@{HOST}:{server.port}"
        self.peer_url = f"mysql://{login}/{name}?charset=utf8mb4"

    def run(self, sql: str, rows: Sequence[tuple[object, ...]] = ()) -> None:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            if rows:
                cursor.executemany(sql.replace("?", "%s"), rows)
            else:
                cursor.execute(sql)
            connection.commit()

    def insert(self, table: str, columns: dict[str, str], count: int) -> None:
        values = ", ".join(_in_mariadb(value, count) for value in columns.values())
        for first, last in _chunks(count):
            self.run(
                f"INSERT INTO {table} ({', '.join(columns)}) "
                f"SELECT {values} FROM (SELECT seq AS n FROM seq_{first}_to_{last}) AS numbers"
            )

    def _connect(self) -> pymysql.Connection:
        return pymysql.connect(
            host=HOST,
            port=self._server.port,
            user=self._server.user,
            password=self._server.password,
            database=self._name,
            charset="utf8mb4",
            init_command="SET SESSION unique_checks = 0, foreign_key_checks = 0",
        )


def _in_mariadb(value: str, count: int) -> str:
    digest = f"UNHEX(CONCAT(LPAD(HEX((n - 1) * 4294967296 DIV {count}), 8, '0'), SHA2(n, 224)))"
    value = value.replace(f"digest(n, {count})", digest)
    return value.replace("hex24(n)", "LPAD(LOWER(HEX(n)), 24, '0')")


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    for first in range(1, count + 1, CHUNK):
        yield first, min(first + CHUNK - 1, count)
