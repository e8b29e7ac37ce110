"""What is done by who has the turn: what has come is seen, and answered in its order."""

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from myapi.worker.clients import PATIENCE, Clients
from myapi.worker.connection import Connection
from myapi.worker.exchange import Exchange
from myapi.worker.turns import Turns

READS = 4  # to answer at a time, where others wait
BEGINS = 0.02  # s after which one that goes behind begins, though others have come back


class Loop:
    """Who has the turn runs this; a thread that has lost it gives its connection back."""

    def __init__(self, worker: Any) -> None:  # noqa: ANN401
        self._worker = worker
        self._poller = selectors.DefaultSelector()
        self.clients = Clients(worker, self._poller, self._look_soon)
        self._ready: deque[Connection] = deque()
        self._late: deque[Callable[[], None]] = deque()  # what is to be answered behind reads
        self._late_since = 0.0  # when the first of these came, or the last one began
        self._looking = threading.Lock()
        self._telling = threading.Lock()
        self._ending = False
        self._next_look = 0.0

    def open(self, turns: Turns) -> None:
        self._turns = turns
        self._exchange = Exchange(self._worker, self.clients, turns, self._put_off)
        self._poller.register(self._worker.PIPE[0], selectors.EVENT_READ, self._empty_pipe)

    def wake(self) -> None:
        """Have who waits for connections look about; a signal does so too."""
        with suppress(OSError):  # the pipe is full, so it does anyway
            os.write(self._worker.PIPE[1], b".")

    def tell_once_readable(self, sock: socket.socket, then: Callable[[], None]) -> None:
        """Call `then` when there is something to read from a socket that is none of a client's."""
        self._poller.register(sock, selectors.EVENT_READ, _Tell(sock, then))

    def forget(self, sock: socket.socket) -> None:
        with self._telling, suppress(KeyError, ValueError):  # it has been told, or is closed
            self._poller.unregister(sock)

    def tend(self) -> None:
        """See to what cannot wait while no thread has the turn; for the main thread."""
        for key, _ in self._poller.select(0):
            if isinstance(key.data, _Tell):
                self._tell(key.data)
        self._look_after_all()

    def _tell(self, tell: "_Tell") -> None:
        with self._telling, suppress(KeyError, ValueError):
            if self._poller.get_key(tell.sock).data is not tell:  # another thread has told it,
                return  # and who was told may wait for more by now
            self._poller.unregister(tell.sock)
            tell.then()

    def run_once(self) -> None:
        """Answer what reads, begin one of what goes behind it, and wait for what comes.

        If the turn is lost on the way, the rest is for who has it then.
        """
        if not (self._answer_reads() and self._begin_late() and self._look_again()):
            return
        self._turns.put_down()
        self.clients.accept_or_not()
        self._look_after_all()
        if not self._ready:
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
        if self._may_begin_late or self.clients.again or self._turns.is_wanted:
            return 0.0
        return 1.0 if self._worker.alive and not self._late else 0.05

    # ---- in this order; each returns whether the turn has lasted ----

    def _answer_reads(self) -> bool:
        """Take up what has come, and answer it if it only reads.

        That takes a fraction of what a login does, so it goes first; but no flood of reads holds
        up all others.
        """
        answered = 0
        while self._ready and (answered < READS or not self._others_wait):
            self._take_up(self._ready.popleft())
            answered += 1
            if not self._turns.is_mine:
                return False
        return True

    @property
    def _others_wait(self) -> bool:
        return self._turns.is_wanted or bool(self._late)

    def _begin_late(self) -> bool:
        if self._may_begin_late:
            self._turns.take_in_hand()
            self._late_since = time.monotonic()
            self._late.popleft()()
        return self._turns.is_mine

    def _look_again(self) -> bool:
        if self.clients.again:
            self._take_up(self.clients.again.popleft())
        return self._turns.is_mine

    @property
    def _may_begin_late(self) -> bool:
        """Whether to begin with what goes behind: what was begun is finished first, mostly.

        But where reads wait for a database far away, somebody has come back at any time. And
        never on the last threads: all may wait for somebody, and none is left for who reads.
        """
        if not self._late or self._turns.free < self._turns.most // 4:
            return False
        return not self._turns.is_wanted or time.monotonic() > self._late_since + BEGINS

    # ---- something has come over one ----

    def _take_up(self, connection: Connection) -> None:
        if connection.closed or connection.is_aside:
            return
        self._turns.take_in_hand()
        if connection.busy:
            self.clients.mute(connection)
        elif connection.parting:
            self._drain(connection)
        elif connection.again or connection.receive():
            connection.again = False
            if connection.idle:
                connection.idle = False
                connection.allow(PATIENCE)
            if connection.ended and not connection.held:
                self.clients.close(connection)
                return
            connection.busy = True
            self._exchange.answer(connection)

    def _drain(self, connection: Connection) -> None:
        connection.held = b""
        if connection.receive() and connection.ended:
            self.clients.close(connection)

    # ---- for any thread ----

    def _put_off(self, answer: Callable[[], None]) -> None:
        """Have a request answered behind those that read; by the thread that has the turn."""
        if not self._late:
            self._late_since = time.monotonic()
        self._late.append(answer)
        self._look_soon()

    def _look_soon(self) -> None:
        if not self._turns.is_mine:
            self.wake()

    def _empty_pipe(self) -> None:
        with suppress(OSError):
            os.read(self._worker.PIPE[0], 4096)

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
            self.clients.end_patience(now)
            self._exchange.call_aside()
        finally:
            self._looking.release()


class _Tell(NamedTuple):
    """Whom to tell when there is something to read from a socket."""

    sock: socket.socket
    then: Callable[[], None]
