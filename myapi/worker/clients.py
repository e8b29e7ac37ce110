"""The clients of a worker: taken, listened to or not, sent away when they are too slow."""

import errno
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from myapi.worker.connection import Connection
from myapi.worker.plain import Reader

PATIENCE = 10.0  # s for a request to become whole, and again to be answered; Nginx waits as long
AT_ONCE = 2  # connections to take before a look; others are left to workers that have time
LINGER = 2.0  # s for a client to read a last answer and to close; for a next request at a stop


class Clients:
    """Their connections. Any thread gives back, or closes, the one that it has."""

    def __init__(
        self,
        worker: Any,  # noqa: ANN401
        poller: selectors.BaseSelector,
        look_soon: Callable[[], None],
    ) -> None:
        """Take none yet. `look_soon` is called when `again` has got one."""
        self._worker, self._poller, self._look_soon = worker, poller, look_soon
        self._most, self._keepalive = worker.cfg.worker_connections, worker.cfg.keepalive
        self._connections: set[Connection] = set()
        self._readers: dict[str, Reader] = {}
        self._lock = threading.Lock()  # for who gives a connection back, mutes or closes one
        self._accepting = False
        self._next_warning = 0.0
        self.again: deque[Connection] = deque()  # those that hold more than was answered

    @property
    def are_there(self) -> bool:
        """Whether somebody is to be answered, or may be taken yet."""
        return self._accepting or bool(self._connections)

    # ---- they come ----

    def accept_or_not(self) -> None:
        wanted = self._worker.alive and len(self._connections) < self._most
        if wanted == self._accepting:
            return
        self._accepting = wanted
        for listener in self._worker.sockets:
            if wanted:
                listener.setblocking(False)
                self._poller.register(listener, selectors.EVENT_READ, self._acceptor(listener))
            else:
                self._poller.unregister(listener)

    def _acceptor(self, listener: Any) -> Callable[[], None]:  # noqa: ANN401
        return lambda: self._accept(listener)

    def _accept(self, listener: Any) -> None:  # noqa: ANN401
        try:
            for _ in range(AT_ONCE):
                sock, client = listener.accept()
                self._welcome(sock, client, listener.getsockname())
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._wait_for_descriptors(error)
            elif error.errno not in {errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK}:
                raise

    def _welcome(self, sock: socket.socket, client: Any, server: Any) -> None:  # noqa: ANN401
        connection = Connection(sock, client, server, self._reader(client, server))
        connection.allow(PATIENCE)
        self._connections.add(connection)
        self._poller.register(sock, selectors.EVENT_READ, connection)

    def _reader(self, client: Any, server: Any) -> Reader:  # noqa: ANN401
        if isinstance(client, tuple):
            return Reader(self._worker.cfg, client, server)
        if server not in self._readers:  # the clients of a Unix socket have no addresses
            self._readers[server] = Reader(self._worker.cfg, client, server)
        return self._readers[server]

    def _wait_for_descriptors(self, error: OSError) -> None:
        """Go on where there are no more of them: some will be given back."""
        if time.monotonic() > self._next_warning:
            self._worker.log.warning("no connection can be taken just now: %s", error)
            self._next_warning = time.monotonic() + PATIENCE
        time.sleep(0.1)  # or the loop would ask again at once

    # ---- whoever has one tells what is next for it ----

    def take_back(self, connection: Connection) -> None:
        """Wait for the next request."""
        connection.idle = True
        connection.allow(self._keepalive if self._worker.alive else LINGER)
        self._listen(connection, again=bool(connection.held))

    def wait_for_more(self, connection: Connection) -> None:
        """Wait for the rest of a request, with the patience that is left."""
        self._listen(connection)

    def set_aside(self, connection: Connection) -> None:
        """Do not listen, and leave it to `look_again_at`, or to the end of our patience."""
        with self._lock:
            if not (connection.muted or connection.closed):
                self._poller.unregister(connection.sock)
                connection.muted = True
            connection.busy = False

    def look_again_at(self, connection: Connection) -> None:
        """Have what is held looked at, though nothing new may come."""
        self._listen(connection, again=True)

    def part(self, connection: Connection) -> None:
        """Close once the client has: if it still sends, a reset would take its last answer away."""
        connection.parting = True
        connection.allow(LINGER)
        try:
            connection.sock.setblocking(False)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it is gone
            self.close(connection)
        else:
            self._listen(connection)

    def close(self, connection: Connection) -> None:
        with self._lock:
            if connection.closed:
                return
            connection.closed = True
            if not connection.muted:
                self._poller.unregister(connection.sock)
            self._connections.discard(connection)
        connection.sock.close()

    def _listen(self, connection: Connection, *, again: bool = False) -> None:
        with self._lock:
            connection.busy = False
            if connection.closed:
                return
            if connection.muted:
                self._poller.register(connection.sock, selectors.EVENT_READ, connection)
                connection.muted = False
            if again:
                connection.again = True
                self.again.append(connection)
        if again:
            self._look_soon()

    def mute(self, connection: Connection) -> None:
        """Do not listen while a thread has it: the poller would tell without end."""
        with self._lock:
            if connection.busy and not (connection.muted or connection.closed):
                self._poller.unregister(connection.sock)
                connection.muted = True

    # ---- time passes ----

    def end_patience(self, now: float) -> None:
        """End what takes too long, and at a stop what waits for a next request."""
        ending = not self._worker.alive
        for connection in list(self._connections):
            if ending and connection.idle:
                connection.until = min(connection.until, now + LINGER)
            if connection.until <= now:
                self._end_patience(connection, now)

    def _end_patience(self, connection: Connection, now: float) -> None:
        with self._lock:
            if connection.until > now:  # a thread has given it back meanwhile
                return
            if connection.busy:
                connection.cut(entirely=connection.until + PATIENCE < now)
                return
            connection.busy = True  # so that nobody takes it up
        self.close(connection)
