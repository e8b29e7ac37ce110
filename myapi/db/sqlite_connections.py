"""What is done on each connection to SQLite: its pragmas, its lock, its failures."""

import contextlib
import functools
import re
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

LOCK_POLL = 0.001  # s between two attempts to get the lock
TRANSIENT = re.compile("locked|full")  # errors after which the connection is still good
CACHE = 400  # KiB of page cache for each connection; the system caches the file too


def prepare(engine: Engine, busy: float, *, writes: bool) -> None:
    """Prepare an engine of the app; `busy` is how many seconds a writer waits for the others."""
    event.listen(engine, "do_connect", _create_private_file)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "handle_error", _replace_failed_connection)
    if writes:
        event.listen(engine, "connect", _disable_busy_timeout)
        event.listen(engine, "begin", functools.partial(begin_immediate, busy))


def prepare_separate(engine: Engine) -> None:
    """Prepare an engine of another database: its journal mode is left as it is."""
    event.listen(engine, "do_connect", _create_private_file)
    event.listen(engine, "connect", _set_common_pragmas)


def _create_private_file(_dialect: object, _record: object, args: Any, _options: object) -> None:  # noqa: ANN401
    """Create the file readable by its owner only; SQLite gives its journals the same mode."""
    file = Path(args[0])
    with contextlib.suppress(OSError):  # SQLite reports it with a better message
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or changing the journal mode would begin a transaction
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")
    _set_common_pragmas(connection, _record)


def _set_common_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    """FULL: with NORMAL a power cut can undo an acknowledged revocation."""
    connection.isolation_level = None  # we send BEGIN ourselves
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE}")


def _disable_busy_timeout(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 0")


def _replace_failed_connection(context: ExceptionContext) -> None:
    """Replace a connection whose file failed: it may stay read-only for ever."""
    error = context.original_exception
    of_the_file = type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError}
    if of_the_file and not TRANSIENT.search(str(error)):
        context.is_disconnect = True


def begin_immediate(busy: float, connection: Connection) -> None:
    """Begin a write transaction; wait for other writers as long as `lock_wait` says, or `busy`.

    SQLite's own busy handler sleeps longer each time, up to 0.1 s, but the lock is held for
    milliseconds: under load the writers of two processes would mostly sleep.
    """
    deadline = time.monotonic() + connection.get_execution_options().get("lock_wait", busy)
    driver: Any = connection.connection.driver_connection
    while time.monotonic() < deadline:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if "locked" not in str(error):
                break
            time.sleep(LOCK_POLL)
        else:
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # a failure now is raised as SQLAlchemy's error
