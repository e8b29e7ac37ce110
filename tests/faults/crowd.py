"""A crowd of clients in one thread: hundreds of connections, which wait for no other's answer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import NamedTuple

from tests.servers import HOST

PAUSE = 0.5  # s between an answer and the next request of a client
CLIENT_TIMEOUT = 10.0  # s


class Answer(NamedTuple):
    sent: float  # time.monotonic()
    seconds: float
    status: int  # 0: none


class Crowd:
    """Each client repeats one request on a connection of its own while the block runs."""

    def __init__(self, port: int, request: bytes, clients: int) -> None:
        self._port, self._request, self._clients = port, request, clients
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.answers: list[Answer] = []

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def sent_between(self, start: float, end: float) -> list[Answer]:
        return [answer for answer in self.answers if start <= answer.sent < end]

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self._clients)))

    async def _client(self, number: int) -> None:
        await asyncio.sleep(PAUSE * number / self._clients)
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(HOST, self._port)
                while not self._stop.is_set():
                    answer = await self._ask(reader, writer)
                    self.answers.append(answer)
                    await asyncio.sleep(PAUSE)
                    if answer.status != 200:
                        break
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        sent = time.monotonic()
        status = 0
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            writer.write(self._request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), CLIENT_TIMEOUT)
            status = int(head.split()[1])
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            await reader.readexactly(length)
        return Answer(sent, time.monotonic() - sent, status)
