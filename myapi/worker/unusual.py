"""Requests that are not plain: Gunicorn reads them, in a thread that may wait for their rest."""

import time
from typing import TYPE_CHECKING

from gunicorn.config import Config
from gunicorn.http import get_parser, wsgi

from myapi.worker.connection import Connection

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

DRAIN = 5.0  # s for the rest of a body that nobody wanted


class Unusual:
    """One request, from a connection that blocks until it is finished with."""

    def __init__(self, config: Config, connection: Connection) -> None:
        """Read the head. Raises Gunicorn's errors, and `StopIteration` where nothing comes."""
        self._config, self._connection = config, connection
        connection.sock.setblocking(True)
        self._parser = get_parser(config, connection.sock, connection.client)
        self._parser.unreader.unread(connection.held)
        connection.held = b""
        self.request = next(self._parser)

    def environ(self) -> "WSGIEnvironment":
        """Write what Gunicorn writes; may raise its ConfigurationProblem."""
        found = self._connection
        environ: WSGIEnvironment
        _, environ = wsgi.create(self.request, found.sock, found.client, found.server, self._config)
        environ["wsgi.multithread"] = True
        # An answer is joined: nothing goes before it, and no file is sent by itself.
        for name in ("wsgi.file_wrapper", "wsgi.early_hints", "gunicorn.socket"):
            del environ[name]
        return environ

    @property
    def closes(self) -> bool:
        return bool(self.request.should_close())

    def finish(self) -> bool:
        """Pass over what nobody has read of the body; False where its end is not to be found."""
        try:
            found = bool(self._parser.finish_body(deadline=time.monotonic() + DRAIN))
            self._connection.sock.setblocking(False)
        except Exception:  # it is malformed, but its request has been answered
            return False
        self._connection.held = self._parser.unreader.take_buffered()
        return found
