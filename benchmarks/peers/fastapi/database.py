"""The engine, and a database session per request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from benchmarks.peers.fastapi.settings import settings

CONNECTIONS = 20  # per process, as in the other stacks
SQLITE = settings.database.startswith("sqlite")

engine = create_async_engine(
    settings.database,
    pool_size=CONNECTIONS,
    max_overflow=0,
    connect_args={"timeout": 2} if SQLITE else {},  # s to wait for another connection's write
)
# SQLite has one writer at a time. Without this lock, the transactions of a process wait for each
# other in threads, and 256 simultaneous logins nearly stop.
writing = asyncio.Lock() if SQLITE else nullcontext()
new_session = async_sessionmaker(engine, expire_on_commit=False)


async def get_db() -> AsyncIterator[AsyncSession]:
    async with new_session() as db:
        yield db


Db = Annotated[AsyncSession, Depends(get_db)]


if SQLITE:

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()
