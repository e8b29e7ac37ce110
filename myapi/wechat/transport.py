"""One bounded GET, through connections that are kept.

`requests` says what is sent where: the URL, the proxy, the pool, the roots. What it makes of every
answer besides (cookies, headers, a response of its own) costs more than to ask, and nobody looks
at it; so the asking itself is left to the pool.
"""

import os
import ssl
import sys
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import ProxyManager, Retry
from urllib3.util.ssl_ import create_urllib3_context

from .connections import POOLS
from .deadline import Alone, BoundedTLSSocket, Call, Waits, calling
from .errors import Timeout, Unavailable, WeChatError

#: The most bytes of a reply that are read. A real one has about 150.
REPLY_LIMIT = 64 * 1024

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "myapi"}
_ONCE = Retry(0, read=False)


class Transport:
    """GETs one URL with changing queries.

    There is no Session of `requests`: so no proxy or netrc from the environment, no redirect that
    is followed, and no cookie that goes from one user's call into another's.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int,
        proxies: Mapping[str, str] | None,
        waits: Waits | None = None,
    ) -> None:
        """Open nothing yet. `connections` is how many are kept."""
        # Without the query the request never changes, and threads can share it.
        self._request = requests.Request("GET", url, headers=_HEADERS).prepare()
        self._connections = connections
        self._waits = waits or Alone()
        self._proxies = dict(proxies or {})
        self._lock = threading.Lock()
        self._adapter: _Adapter | None = None

    def get(self, query: Mapping[str, str], deadline: float) -> bytes:
        """Return the body of a 200 as it came over the wire. Raises Timeout or Unavailable.

        `deadline` (`time.monotonic()` seconds) holds for the name, the connection, TLS, the
        headers and the body together.
        """
        call = Call(deadline, urlencode(query, errors="replace"), self._waits)
        before = sys.exc_info()[1]
        failure: WeChatError
        try:
            with calling(call):
                status, body = self._exchange(call)
        except Exception as error:  # each is an answer that did not come
            failure = _failure(error, before)
        else:
            if status == 200 and len(body) <= REPLY_LIMIT:
                return body
            failure = Unavailable(f"HTTP {status}, {len(body)} bytes read")
        # Raised out here, it takes along nothing of the exception that told of it.
        raise failure

    def close(self) -> None:
        """Close the connections that are kept. A later call opens new ones."""
        with self._lock:
            adapter, self._adapter = self._adapter, None
        if adapter:
            adapter.close()

    def _exchange(self, call: Call) -> tuple[int, bytes]:
        adapter = self._opened()
        response = adapter.pool.urlopen(
            "GET",
            adapter.target,
            headers=_HEADERS,
            retries=_ONCE,
            redirect=False,
            assert_same_host=False,
            timeout=call.remaining(),
            preload_content=False,
        )
        try:
            return response.status, response.read(REPLY_LIMIT + 1, decode_content=False)
        finally:
            # One that was read to its end has gone back to the pool; any other is closed.
            response.close()
            response.release_conn()

    def _opened(self) -> "_Adapter":
        """Keep one for each process: two on one connection would read each other's replies."""
        with self._lock:
            if self._adapter is None or self._adapter.process != os.getpid():
                self._adapter = _Adapter(self._request, self._connections, self._proxies)
            return self._adapter


class _Adapter(HTTPAdapter):
    """Keeps bounded connections for one request of one process, with one TLS context for all."""

    def __init__(
        self, request: requests.PreparedRequest, connections: int, proxies: dict[str, str]
    ) -> None:
        self._tls = tls_context()
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self.poolmanager.pool_classes_by_scheme = POOLS
        self.process = os.getpid()
        self.pool: Any = self.get_connection_with_tls_context(request, True, proxies)
        self.target = self.request_url(request, proxies)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **options: object
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._tls, **options)

    def proxy_manager_for(self, proxy: str, **options: object) -> ProxyManager:
        both = {"ssl_context": self._tls, "proxy_ssl_context": self._tls}
        manager: ProxyManager = super().proxy_manager_for(proxy, **both, **options)
        manager.pool_classes_by_scheme = POOLS
        return manager


def tls_context() -> ssl.SSLContext:
    """Verify certificate and name against the roots that come with requests, TLS 1.2 and above."""
    context = create_urllib3_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    context.sslsocket_class = BoundedTLSSocket
    return context


def _failure(error: BaseException, before: BaseException | None) -> WeChatError:
    """Only class names go on: the texts of these exceptions name hosts, and proxies with passwords.

    `before` is the exception that the caller was handling already: no cause of this one.
    """
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause is not before:
        chain.append(cause)
    slow = any(isinstance(link, TimeoutError) for link in chain)
    return (Timeout if slow else Unavailable)(type(chain[-1]).__name__)
