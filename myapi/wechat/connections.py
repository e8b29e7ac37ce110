"""urllib3's connections and pools, with a deadline on every wait and a query that nobody else sees.

urllib3 writes the URLs that it knows to its log and into its exceptions. So it gets to know one
without the secret and the code; the query joins the request line at the last moment.
"""

import socket
import time
from collections.abc import Sequence

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from .deadline import BoundedSocket, Call, current_call
from .resolver import Address, Resolver

#: Seconds after which an idle connection is not used again. Servers, NATs and firewalls drop one
#: after a minute or more, some in silence, and a login sent into it would wait in vain.
IDLE_LIMIT = 30.0

_Option = tuple[int, int, int | bytes]

_resolver = Resolver()


class BoundedConnection(HTTPConnection):
    """Over plain HTTP: a sandbox on loopback, or a proxy."""

    _answered_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether urllib3 may use it again."""
        return super().is_connected and time.monotonic() - self._answered_at < IDLE_LIMIT

    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,
        skip_accept_encoding: bool = False,
    ) -> None:
        target = f"{url}?{current_call().query}"
        super().putrequest(method, target, skip_host, skip_accept_encoding)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself
        response = super().getresponse()
        self._answered_at = time.monotonic()
        return response

    def _new_conn(self) -> socket.socket:
        call = current_call()
        with call.waits.waiting():
            addresses = _resolver.addresses(self._dns_host.strip("[]"), self.port, call.remaining())
            return _connect_to_first(addresses, self.socket_options or (), call)


class BoundedTLSConnection(BoundedConnection, HTTPSConnection):
    """Over HTTPS, through a proxy's tunnel too."""


class BoundedPool(HTTPConnectionPool):
    """Keeps plain connections."""

    ConnectionCls = BoundedConnection


class BoundedTLSPool(HTTPSConnectionPool):
    """Keeps TLS connections."""

    ConnectionCls = BoundedTLSConnection


#: For `PoolManager.pool_classes_by_scheme`.
POOLS = {"http": BoundedPool, "https": BoundedTLSPool}


def _connect_to_first(
    addresses: Sequence[Address], options: Sequence[_Option], call: Call
) -> BoundedSocket:
    """Try one after the other. Each gets an even share of the time that is left.

    So a first address that leads nowhere (IPv6 without a route) leaves time for the next.
    """
    failure = OSError("the name has no address")
    for position, address in enumerate(addresses):
        share = call.remaining() / (len(addresses) - position)
        outcome = _connect(address, options, share)
        if isinstance(outcome, BoundedSocket):
            return outcome
        failure = outcome
    raise failure


def _connect(
    address: Address, options: Sequence[_Option], timeout: float
) -> BoundedSocket | OSError:
    family, kind, protocol, _, target = address
    try:
        sock = BoundedSocket(family, kind, protocol)
    except OSError as error:  # no IPv6 in this kernel
        return error
    try:
        for option in options:
            sock.setsockopt(*option)
        sock.settimeout(timeout)
        sock.connect(target)
    except OSError as error:
        sock.close()
        return error
    return sock
