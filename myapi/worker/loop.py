"""The connections of a worker: taken, given to who answers, sent away when they are too slow."""

import errno
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from myapi.worker.connection import Connection
from myapi.worker.exchange import Exchange
from myapi.worker.plain import Reader
from myapi.worker.turns import Turns

PATIENCE = 10.0  # s for a request to become whole, and again to be answered; Nginx waits as long
AT_ONCE = 2  # connections to take before a look; others are left to workers that have time
LINGER = 2.0  # s for a client to read a last answer and to close; for a next request at a stop


class Loop:
    """Who has the turn runs this; a thread that has lost it gives its connection back."""

    def __init__(self, worker: Any) -> None:  # noqa: ANN401
        self._worker = worker
        self._most, self._keepalive = worker.cfg.worker_connections, worker.cfg.keepalive
        self._poller = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._ready: deque[Connection] = deque()
        self._again: deque[Connection] = deque()  # those that hold more than was answered
        self._late: deque[Callable[[], None]] = deque()  # what is to be answered behind reads
        self._lock = threading.Lock()  # for who gives a connection back, mutes or closes one
        self._looking = threading.Lock()
        self._readers: dict[str, Reader] = {}
        self._reserve = worker.cfg.threads // 4
        self._accepting = self._ending = False
        self._next_look = self._next_warning = 0.0

    @property
    def has_clients(self) -> bool:
        """Whether somebody is to be answered, or may be taken yet."""
        return self._accepting or bool(self._connections)

    def open(self, turns: Turns) -> None:
        self._turns = turns
        self._exchange = Exchange(self._worker, self, turns)
        self._poller.register(self._worker.PIPE[0], selectors.EVENT_READ, self._empty_pipe)

    def wake(self) -> None:
        """Have who waits for connections look about; a signal does so too."""
        with suppress(OSError):  # the pipe is full, so it does anyway
            os.write(self._worker.PIPE[1], b".")

    def tell_once_readable(self, sock: socket.socket, then: Callable[[], None]) -> None:
        """Call `then` when there is something to read from a socket that is none of a client's."""
        self._poller.register(sock, selectors.EVENT_READ, _Tell(sock, then))

    def forget(self, sock: socket.socket) -> None:
        with suppress(KeyError, ValueError):  # it has been told, or has been closed
            self._poller.unregister(sock)

    def tend(self) -> None:
        """See to what cannot wait while no thread has the turn; for the main thread."""
        for key, _ in self._poller.select(0):
            if isinstance(key.data, _Tell):
                self._tell(key.data)
        self._look_after_all()

    def _tell(self, tell: "_Tell") -> None:
        with suppress(KeyError, ValueError):
            if self._poller.get_key(tell.sock).data is tell:  # and not told by another thread
                self.forget(tell.sock)
                tell.then()

    def run_once(self) -> None:
        """Answer what reads, begin one of what goes behind it, and wait for what comes.

        If the turn is lost on the way, the rest is for who has it then.
        """
        if not (self._answer_reads() and self._begin_late() and self._look_again()):
            return
        self._turns.put_down()
        self._accept_or_not()
        self._look_after_all()
        self._take_in(self._patience())
        self._answer_reads()

    def look(self) -> bool:
        """Tell whether something has come that goes before those who have come back."""
        self._look_after_all()
        if not self._ready:
            self._take_in(0.0)
        return bool(self._ready)

    def _take_in(self, seconds: float) -> None:
        for key, _ in self._poller.select(seconds):
            if isinstance(key.data, Connection):
                self._ready.append(key.data)
            elif isinstance(key.data, _Tell):
                self._tell(key.data)
            else:
                key.data()

    def _patience(self) -> float:
        """Tell the seconds to wait for something to come."""
        if self._may_begin_late or self._again or self._turns.is_wanted:
            return 0.0
        return 1.0 if self._worker.alive and not self._late else 0.05

    # ---- in this order; each returns whether the turn has lasted ----

    def _answer_reads(self) -> bool:
        """Take up what has come, and answer it if it only reads.

        That takes a fraction of what a login does, so it goes first.
        """
        while self._ready:
            self._take_up(self._ready.popleft())
            if not self._turns.is_mine:
                return False
        return True

    def _begin_late(self) -> bool:
        if self._may_begin_late:
            self._turns.take_in_hand()
            self._late.popleft()()
        return self._turns.is_mine

    def _look_again(self) -> bool:
        if self._again:
            self._take_up(self._again.popleft())
        return self._turns.is_mine

    @property
    def _may_begin_late(self) -> bool:
        """Whether to begin with what goes behind: what was begun is finished first.

        And never on the last threads: all may wait for somebody, and none is left for who reads.
        """
        may_begin = not self._turns.is_wanted and self._turns.free >= self._reserve
        return bool(self._late) and may_begin

    # ---- they come ----

    def _accept_or_not(self) -> None:
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

    def _empty_pipe(self) -> None:
        with suppress(OSError):
            os.read(self._worker.PIPE[0], 4096)

    # ---- something has come over one ----

    def _take_up(self, connection: Connection) -> None:
        if connection.closed:
            return
        self._turns.take_in_hand()
        if connection.busy:
            self._mute(connection)
        elif connection.parting:
            self._drain(connection)
        elif connection.again or connection.receive():
            connection.again = False
            if connection.idle:
                connection.idle = False
                connection.allow(PATIENCE)
            if connection.ended and not connection.held:
                self.close(connection)
                return
            connection.busy = True
            self._exchange.answer(connection)

    def _mute(self, connection: Connection) -> None:
        """Do not listen while a thread has it: the poller would tell without end."""
        with self._lock:
            if connection.busy and not (connection.muted or connection.closed):
                self._poller.unregister(connection.sock)
                connection.muted = True

    def _drain(self, connection: Connection) -> None:
        connection.held = b""
        if connection.receive() and connection.ended:
            self.close(connection)

    # ---- one is given back, by any thread ----

    def take_back(self, connection: Connection) -> None:
        """Wait for the next request."""
        connection.idle = True
        connection.allow(self._keepalive if self._worker.alive else LINGER)
        self._listen(connection, again=bool(connection.held))

    def wait_for_more(self, connection: Connection) -> None:
        """Wait for the rest of a request, with the patience that is left."""
        self._listen(connection)

    def put_off(self, answer: Callable[[], None]) -> None:
        """Have a request answered behind those that read; by the thread that has the turn."""
        self._late.append(answer)
        if not self._turns.is_mine:
            self.wake()

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
                self._again.append(connection)
        if again and not self._turns.is_mine:
            self.wake()

    # ---- time passes ----

    def _look_after_all(self) -> None:
        """End what takes too long; once a second, and more often when the worker is to end."""
        now = time.monotonic()
        if (now < self._next_look and (self._worker.alive or self._ending)) or not (
            self._looking.acquire(blocking=False)
        ):
            return
        try:
            self._ending = not self._worker.alive
            self._next_look = now + (0.05 if self._ending else 1.0)
            for connection in list(self._connections):
                if self._ending and connection.idle:
                    connection.until = min(connection.until, now + LINGER)
                if connection.until <= now:
                    self._end_patience(connection, now)
            self._exchange.call_aside()
        finally:
            self._looking.release()

    def _end_patience(self, connection: Connection, now: float) -> None:
        with self._lock:
            if connection.until > now:  # a thread has given it back meanwhile
                return
            if connection.busy:
                connection.cut(entirely=connection.until + PATIENCE < now)
                return
            connection.busy = True  # so that nobody takes it up
        self.close(connection)


class _Tell(NamedTuple):
    """Whom to tell when there is something to read from a socket."""

    sock: socket.socket
    then: Callable[[], None]
