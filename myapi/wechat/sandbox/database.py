"""The sandbox's SQLite file, shared by any number of threads and processes."""

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Seconds to wait for another process's transaction.
_BUSY_TIMEOUT = 10.0

_TABLES = (
    "CREATE TABLE IF NOT EXISTS users"
    " (openid TEXT PRIMARY KEY, appid TEXT, name TEXT, session_key TEXT)",
    "CREATE TABLE IF NOT EXISTS codes (digest BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, appid TEXT, expires_at REAL)",
    "CREATE TABLE IF NOT EXISTS forced (appid TEXT, at REAL)",
    "CREATE TABLE IF NOT EXISTS permissions (appid TEXT, openid TEXT, template TEXT,"
    " count INTEGER, PRIMARY KEY (appid, openid, template)) WITHOUT ROWID",
    # Ids like WeChat's: none is given twice, and they need more than 32 bits.
    "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, openid TEXT,"
    " template TEXT, began_at REAL, ended_at REAL)",
    "CREATE INDEX IF NOT EXISTS messages_openid ON messages (openid)",
    "CREATE TABLE IF NOT EXISTS fault (kind TEXT, times INTEGER)",
    "CREATE TABLE IF NOT EXISTS calls"
    " (path TEXT, forced INTEGER, count INTEGER, PRIMARY KEY (path, forced)) WITHOUT ROWID",
)


class SandboxDatabase:
    """One connection per process, opened on first use and used by one thread at a time.

    A lock serialises the threads, because SQLite itself would wait by polling.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process = 0
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[[], SandboxDatabase] | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for one read-only statement."""
        with self._lock:
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection in a transaction that excludes all other writers."""
        with self._lock, self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        with self._lock:
            if self._finalizer is not None:
                self._finalizer()
            self._connection = self._finalizer = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None or self._process != os.getpid():
            # After a fork the parent's connection stays open: closing it could harm the parent.
            if self._finalizer is not None:
                self._finalizer.detach()
            self._process = os.getpid()
            self._connection = _connect(self._path)
            self._finalizer = weakref.finalize(self, self._connection.close)
        return self._connection


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    # Not WAL: if several processes switch a new file to WAL at once, one gets "database is locked"
    # without any wait.
    db.execute("PRAGMA journal_mode = TRUNCATE")
    # Losing sandbox data in a power cut is acceptable; waiting for the disk is not.
    db.execute("PRAGMA synchronous = OFF")
    with db:
        db.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            db.execute(table)
    return db
