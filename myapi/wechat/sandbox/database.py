"""The sandbox's one file, shared by any number of threads and processes."""

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Seconds to wait for another process's transaction.
_BUSY = 10.0

_TABLES = (
    "CREATE TABLE IF NOT EXISTS users"
    " (openid TEXT PRIMARY KEY, appid TEXT, name TEXT, session_key TEXT)",
    "CREATE TABLE IF NOT EXISTS codes (digest BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fault (kind TEXT, times INTEGER)",
)


class Database:
    """One connection for a process, opened when it is first needed, used by one thread at a time.

    So threads wait their turn at a lock; SQLite's own waiting asks again and again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process = 0
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[[], Database] | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection, for one statement that only reads."""
        with self._lock:
            yield self._opened()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction, which no other process's comes between."""
        with self._lock, self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        with self._lock:
            if self._finalizer is not None:
                self._finalizer()
            self._connection = self._finalizer = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None or self._process != os.getpid():
            # A parent's connection is left as it is: to close it here could disturb the parent.
            if self._finalizer is not None:
                self._finalizer.detach()
            self._process = os.getpid()
            self._connection = _connect(self._path)
            self._finalizer = weakref.finalize(self, self._connection.close)
        return self._connection


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    # Not WAL: when several processes turn a new file to WAL at once, one is told "locked" at once.
    db.execute("PRAGMA journal_mode = TRUNCATE")
    # What a power cut would lose is not worth a wait for the disk.
    db.execute("PRAGMA synchronous = OFF")
    with db:
        db.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            db.execute(table)
    return db
