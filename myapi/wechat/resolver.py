"""Host names with a bound: getaddrinfo has none, and cannot be interrupted."""

import os
import socket
import threading
from collections.abc import Sequence
from concurrent import futures

from urllib3.util.connection import allowed_gai_family

_Target = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
#: One entry of what getaddrinfo answers.
Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, _Target]
_Lookup = futures.Future[Sequence[Address]]
_Key = tuple[int, str, int]


class Resolver:
    """Looks names up in a thread of its own, at most one for a name.

    All who ask for a name while it is being looked up share that lookup. A name server that does
    not answer therefore holds up one thread, however many logins give up waiting for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[_Key, _Lookup] = {}

    def addresses(self, host: str, port: int, timeout: float) -> Sequence[Address]:
        """Find the addresses of `host`. Raises TimeoutError after `timeout` seconds, or OSError."""
        try:
            return self._lookup(host, port).result(timeout)
        except futures.TimeoutError:  # not yet the built-in one on Python 3.10
            raise TimeoutError("the name server does not answer") from None

    def _lookup(self, host: str, port: int) -> _Lookup:
        # By process: no thread lives on in a fork, so a child must not wait for its parent's.
        key = (os.getpid(), host, port)
        with self._lock:
            running = self._running.get(key)
            if running is None:
                running = _Lookup()
                self._thread(key).start()
                self._running[key] = running
            return running

    def _thread(self, key: _Key) -> threading.Thread:
        return threading.Thread(target=self._run, args=[key], name="wechat-lookup", daemon=True)

    def _run(self, key: _Key) -> None:
        _, host, port = key
        try:
            found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
        except Exception as error:  # goes to those who wait
            self._finished(key).set_exception(error)
        else:
            self._finished(key).set_result(found)

    def _finished(self, key: _Key) -> _Lookup:
        with self._lock:  # waits until _lookup has let go, so the entry is there
            return self._running.pop(key)
