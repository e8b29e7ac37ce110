"""A request and its answer."""

import errno
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import LimitRequestHeaders, NoMoreData

from myapi.worker.answer import Answer
from myapi.worker.clients import Clients
from myapi.worker.connection import Come, Connection, come
from myapi.worker.turns import Turns
from myapi.worker.unusual import Unusual

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

READS = frozenset({"GET", "HEAD", "OPTIONS"})
GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF})


class Exchange:
    """Answers what has come over a connection, and gives the connection back."""

    def __init__(
        self,
        worker: Any,  # noqa: ANN401
        clients: Clients,
        turns: Turns,
        put_off: Callable[[Callable[[], None]], None],
    ) -> None:
        """`put_off` has something done behind what reads, by the thread that has the turn."""
        self._worker, self._clients, self._turns = worker, clients, turns
        self._put_off = put_off
        # A quarter of the threads may wait for the rest of a request.
        self._readers = threading.Semaphore(max(1, worker.cfg.threads // 4))
        self._aside: deque[Connection] = deque()  # those that wait for one to be done

    def answer(self, connection: Connection) -> None:
        """Answer the request that is held if it only reads; put off others that are whole."""
        request = connection.reader.read(connection.held)
        if request is None:
            self._sort_unusual(connection)
            return
        connection.held = connection.held[request.size :]
        if request.environ["REQUEST_METHOD"] in READS:
            self._exchange(connection, request.environ, request.closes)
        else:
            self._put_off(lambda: self._exchange(connection, request.environ, request.closes))

    def _sort_unusual(self, connection: Connection) -> None:
        try:
            what = Come.WHOLE if connection.ended else come(connection.held)
        except LimitRequestHeaders as error:
            self._refuse(connection, error)
            return
        if what is Come.PART:
            self._clients.wait_for_more(connection)
        elif what is Come.WHOLE:
            self._put_off(lambda: self._answer_unusual(connection))
            self.call_aside()  # it may have been called to read on, and needs no reader now
        elif self._readers.acquire(blocking=False):
            self._put_off(lambda: self._read_on(connection))
        else:
            self._want_reader(connection)

    def _want_reader(self, connection: Connection) -> None:
        """Leave it alone until a thread may read on in it, or our patience with it ends."""
        self._clients.set_aside(connection)
        self._aside.append(connection)
        self.call_aside()  # one may have been done just now

    def call_aside(self) -> None:
        """Call one who wants a reader, if one is free; once a second the loop makes sure."""
        if self._aside and self._readers.acquire(blocking=False):
            self._release_reader()

    def _read_on(self, connection: Connection) -> None:
        try:
            self._answer_unusual(connection)
        finally:
            self._release_reader()

    def _release_reader(self) -> None:
        self._readers.release()
        while self._aside:
            with suppress(IndexError):  # another thread has taken the last one
                connection = self._aside.popleft()
                if not connection.closed:
                    self._clients.look_again_at(connection)
                    return

    def _answer_unusual(self, connection: Connection) -> None:
        self._turns.pass_on()  # it may read on
        request = None
        try:
            request = Unusual(self._worker.cfg, connection)
            environ = request.environ()
        except (NoMoreData, StopIteration):
            self._clients.part(connection)
        except OSError as error:
            self._lose(connection, error)
        except Exception as error:
            self._refuse(connection, error, request and request.request)
        else:
            self._exchange(connection, environ, request.closes, request.finish)

    def _exchange(
        self,
        connection: Connection,
        environ: "WSGIEnvironment",
        asks_to_close: bool,
        finish: Callable[[], bool] | None = None,
    ) -> None:
        """Have the app answer, send that, and `finish` with what nobody has read of the request."""
        self._worker.count()
        try:
            answer = Answer(self._worker.wsgi, environ)
            closes = asks_to_close or not self._worker.alive or connection.ended
            data = answer.data(closes=closes)
        except BaseException as error:  # an app that ends its thread would end one of ours
            self._refuse(connection, error)
            return
        try:
            if rest := connection.send(data):
                self._turns.pass_on()
                connection.send_all(rest)
        except OSError as error:
            self._lose(connection, error)
            return
        if closes or (finish and not finish()):
            # Who has asked for that has sent its last byte.
            part = self._clients.close if asks_to_close and not finish else self._clients.part
            part(connection)
        else:
            self._clients.take_back(connection)

    def _refuse(
        self,
        connection: Connection,
        error: BaseException,
        request: Any = None,  # noqa: ANN401
    ) -> None:
        """Say what is wrong in Gunicorn's words, and part."""
        self._worker.handle_error(request, connection.sock, connection.client, error)
        self._clients.part(connection)

    def _lose(self, connection: Connection, error: OSError) -> None:
        if error.errno not in GONE:
            self._worker.log.error("a connection failed: %s", error)
        self._clients.close(connection)
