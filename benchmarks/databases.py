"""The database of one stack, on SQLite or MariaDB, filled by SQL.

    database = Sqlite(folder / "bench.db")
    database.insert("users", {"openid": "hex24(n)"}, 1_000_000)

Column values are SQL expressions. They may use `n` (the row number), `hex24(n)` (its 24 hex digits)
and `digest(n, count)` (the n-th of `count` 32-byte keys, ascending and evenly spread).
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pymysql

from tests.servers import HOST, MariaDB

CHUNK = 500_000  # rows in one transaction on MariaDB


class Database(Protocol):
    """The database of one stack."""

    myapi_url: str
    express_url: str
    fastapi_url: str

    def run(self, sql: str, rows: Sequence[tuple[object, ...]] = ()) -> None:
        """Run one statement, once per row if rows are given."""

    def insert(self, table: str, columns: dict[str, str], count: int) -> None:
        """Insert `count` rows; each column is an expression in `n`, which counts from 1."""


class Sqlite:
    """A SQLite file, filled without a journal."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.myapi_url = f"sqlite:///{file}"
        self.express_url = str(file)
        self.fastapi_url = f"sqlite+aiosqlite:///{file}"

    def run(self, sql: str, rows: Sequence[tuple[object, ...]] = ()) -> None:
        with closing(self._connect()) as connection, connection:
            connection.executemany(sql, rows) if rows else connection.execute(sql)

    def insert(self, table: str, columns: dict[str, str], count: int) -> None:
        values = map(_in_sqlite, columns.values())
        self.run(f"""
            WITH RECURSIVE numbers(n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {count})
            INSERT INTO {table} ({", ".join(columns)})
            SELECT {", ".join(values)} FROM numbers
        """)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=60)
        connection.execute("PRAGMA journal_mode = OFF")  # or every row would be written twice
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")  # KiB
        connection.create_function("digest", 2, _digest, deterministic=True)
        return connection


def _in_sqlite(value: str) -> str:
    return value.replace("hex24(n)", "printf('%024x', n)")


def _digest(n: int, count: int) -> bytes:
    return ((n - 1) * 2**32 // count << 224 | n).to_bytes(32, "big")


class Maria:
    """A MariaDB database, filled in chunks by the Sequence engine."""

    def __init__(self, server: MariaDB, name: str, chunk: int = CHUNK) -> None:
        self._server, self._name, self._chunk = server, name, chunk
        self.myapi_url = server.create_database(name)
        login = f"{server.user}:{server.password}@{HOST}:{server.port}"
        address = f"{login}/{name}?charset=utf8mb4"
        self.express_url = f"mysql://{address}"
        self.fastapi_url = f"mysql+aiomysql://{address}"

    def run(self, sql: str, rows: Sequence[tuple[object, ...]] = ()) -> None:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            if rows:
                cursor.executemany(sql.replace("?", "%s"), rows)
            else:
                cursor.execute(sql)
            connection.commit()

    def insert(self, table: str, columns: dict[str, str], count: int) -> None:
        values = ", ".join(_in_mariadb(value, count) for value in columns.values())
        for first in range(1, count + 1, self._chunk):
            last = min(first + self._chunk - 1, count)
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
    first = f"LPAD(HEX((n - 1) * 4294967296 DIV {count}), 8, '0')"
    digest = f"UNHEX(CONCAT({first}, LPAD(HEX(n), 56, '0')))"
    value = value.replace(f"digest(n, {count})", digest)
    return value.replace("hex24(n)", "LPAD(LOWER(HEX(n)), 24, '0')")
