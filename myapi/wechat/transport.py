"""One HTTP exchange with WeChat, over connections that are kept.

The connection pool of `requests`' adapter is asked directly. A Session of `requests` would carry
cookies from one user's call into the next, read proxies and netrc from the environment, and cost
about as much CPU again.
"""

import json
import logging
import os
import re
import ssl
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import IncompleteRead
from urllib3.response import HTTPResponse

from .errors import Timeout, Unavailable, WeChatError

#: The most bytes of an answer that are read, unless a call allows more. A login has about 150.
ANSWER_LIMIT = 64 * 1024

#: Seconds after which an idle connection is not used again. Servers, NATs and firewalls drop one
#: after a minute or more, some in silence, and a request sent over it would wait in vain.
IDLE_LIMIT = 30.0

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "myapi"}
_JSON_HEADERS = {**_HEADERS, "Content-Type": "application/json"}
_NO_RETRY = urllib3.Retry(False)

_QUERY = re.compile(r"\?\S*")
_LOGGERS_OF_URLS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")


_exchange = threading.local()


class Transport:
    """Sends requests to one server. Threads share it; each process opens its own connections."""

    def __init__(self, base_url: str, *, timeout: float, connections: int) -> None:
        """Open nothing yet. `connections` is how many are kept.

        `timeout` bounds each wait in seconds. A connection attempt may take half of it, so that
        a first address which leads nowhere leaves time for the next one.
        Raises ValueError for a URL that makes no sense.
        """
        self._request = requests.Request("GET", base_url).prepare()
        self._prefix = self._request.path_url.rstrip("/")
        self._timeout = timeout
        self._connections = connections
        self._lock = threading.Lock()
        self._adapter: _Adapter | None = None
        for name in _LOGGERS_OF_URLS:
            logging.getLogger(name).addFilter(hide_query)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        limit: int = ANSWER_LIMIT,
        timeout: float | None = None,
    ) -> bytes:
        """Return the body of a 200 answer as it came. Raises Timeout or Unavailable.

        `body` is sent as JSON, in plain UTF-8: WeChat misreads some values that are escaped.
        An answer of more than `limit` bytes is Unavailable. `timeout` may bound each wait to less
        than the transport's own.
        """
        target = self._prefix + path
        if query is not None:
            target += f"?{urlencode(query, errors='replace')}"
        content = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
        handled_before = sys.exc_info()[1]
        _exchange.connected = True  # unless a connection has to be opened first
        wait = self._timeout if timeout is None else min(timeout, self._timeout)
        failure: WeChatError
        try:
            status, answer = self._send(method, target, content, limit, wait)
        except Exception as error:  # each of them is an answer that did not come
            failure = _failure(error, handled_before)
        else:
            if status == 200 and len(answer) <= limit:
                return answer
            failure = Unavailable(f"HTTP {status}, {len(answer)} bytes read")
        # urllib3's exceptions hold the URL with its secrets. Raised out here, ours has no context.
        raise failure

    @staticmethod
    def was_connected() -> bool:
        """Whether this thread's last exchange had a connection: the server may know of it."""
        return getattr(_exchange, "connected", False)

    def close(self) -> None:
        """Close the connections that are kept. A later exchange opens new ones."""
        with self._lock:
            adapter, self._adapter = self._adapter, None
        if adapter:
            adapter.close()

    def _send(
        self, method: str, target: str, content: bytes | None, limit: int, wait: float
    ) -> tuple[int, bytes]:
        response = self._opened().pool.urlopen(
            method,
            target,
            body=content,
            headers=_HEADERS if content is None else _JSON_HEADERS,
            retries=_NO_RETRY,
            redirect=False,
            timeout=urllib3.Timeout(connect=wait / 2, read=wait),
            preload_content=False,
        )
        try:
            answer = response.read(limit + 1, decode_content=False)
            # urllib3 finds out only at the next read that the connection broke off.
            if response.length_remaining and len(answer) <= limit:
                raise IncompleteRead(len(answer), response.length_remaining)
            return response.status, answer
        finally:
            # A connection whose answer was read to its end is back in the pool; others are closed.
            response.close()
            response.release_conn()

    def _opened(self) -> "_Adapter":
        """Keep one for each process: two on one connection would read each other's answers."""
        adapter = self._adapter
        if adapter is None or adapter.process != os.getpid():
            with self._lock:
                adapter = self._adapter
                if adapter is None or adapter.process != os.getpid():
                    adapter = self._adapter = _Adapter(self._request, self._connections)
        return adapter


class _Adapter(HTTPAdapter):
    """Holds one process's pool of connections to one server, with one TLS context for all."""

    def __init__(self, request: requests.PreparedRequest, connections: int) -> None:
        self._tls = str(request.url).startswith("https:")
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self.process = os.getpid()
        pool: Any = self.get_connection_with_tls_context(request, verify=True)
        pool.ConnectionCls = _Connection if pool.scheme == "http" else _TLSConnection
        self.pool = pool

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **options: object
    ) -> None:
        """Verify certificate and name against the roots that come with requests, from TLS 1.2."""
        if self._tls:  # reading the roots takes 20 ms, and the sandbox needs none
            context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            options["ssl_context"] = context
        super().init_poolmanager(connections, maxsize, block, **options)


class _Connection(HTTPConnection):
    """The pool asks `is_connected` before it uses a connection again, and opens it anew if not."""

    _answered_at = (0.0, 0.0)  # by both clocks

    def connect(self) -> None:
        _exchange.connected = False
        super().connect()  # over HTTPS with the handshake
        _exchange.connected = True

    @property
    def is_connected(self) -> bool:
        # The one clock may stand still while a machine is frozen, the other may be set back.
        monotonic, wall = self._answered_at
        idle = max(time.monotonic() - monotonic, time.time() - wall)
        return super().is_connected and idle < IDLE_LIMIT

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself
        response = super().getresponse()
        self._answered_at = time.monotonic(), time.time()
        return response


class _TLSConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


def hide_query(record: logging.LogRecord) -> bool:
    """Take the queries out of what urllib3 logs: they hold AppSecret, codes and tokens."""
    record.msg, record.args = _QUERY.sub("?***", record.getMessage()), ()
    return True


def _failure(error: BaseException, handled_before: BaseException | None) -> WeChatError:
    """Name what went wrong by the class of its first cause; the texts hold hosts and URLs.

    `handled_before` is what the caller was handling already: no cause of this one.
    """
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause is not handled_before:
        chain.append(cause)
    slow = any(isinstance(link, TimeoutError) for link in chain)
    return (Timeout if slow else Unavailable)(type(chain[-1]).__name__)
