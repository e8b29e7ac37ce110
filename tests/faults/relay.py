"""A port that relays to a server, and whose connections can be lost in two ways."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.servers import HOST

if TYPE_CHECKING:
    from typing_extensions import Self

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once


class Relay:
    def __init__(self, port: int) -> None:
        self._to = (HOST, port)
        self._pairs: list[_Pair] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0), backlog=256)
        _in_thread(self._accept)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            pair.reset()

    @property
    def port(self) -> int:
        number: int = self._listener.getsockname()[1]
        return number

    def reset(self) -> int:
        """Break all open connections off, on both sides; return how many they were."""
        return sum(pair.reset() for pair in self._pairs)

    def swallow(self) -> int:
        """Relay nothing more of the open connections, and tell neither side; return their number.

        The network has forgotten them, as a router does that has lost its table. What is sent
        later over such a connection has no answer and no error.
        """
        return sum(pair.swallow() for pair in self._pairs)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                self._pairs.append(_Pair(client, socket.create_connection(self._to)))


class _Pair:
    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._ends = (client, server)
        self._open, self._silent = True, False
        _in_thread(self._pump, client, server)
        _in_thread(self._pump, server, client)

    def reset(self) -> bool:
        was_open, self._open = self._open, False
        for end in self._ends:
            with suppress(OSError):  # the other side has closed it
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RD)  # wakes the thread that reads
            end.close()
        return was_open and not self._silent

    def swallow(self) -> bool:
        was_silent, self._silent = self._silent, True
        return self._open and not was_silent

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._silent:
                    target.sendall(data)
            if not self._silent:
                self._open = False
                target.shutdown(socket.SHUT_WR)


def _in_thread(work: object, *args: object) -> None:
    threading.Thread(target=work, args=args, daemon=True).start()  # type: ignore[arg-type]
