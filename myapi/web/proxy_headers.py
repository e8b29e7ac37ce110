"""The client's address, from the connection or from the headers of trusted proxies."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Environ = Mapping[str, Any]

FORWARDED = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
PEER = (
    "myapi.peer"  # in the environ: the address of the connection, once REMOTE_ADDR is the client's
)
NAMED = "myapi.forwarded"  # in the environ: the header of the client's address is there


class ProxyHeaders:
    """WSGI middleware: takes the client's address and scheme from the `hops` nearest proxies.

    Each proxy appends to the list, so values that the client sends are further left. Werkzeug's
    ProxyFix also parses quotes, with which a client could hide the values that proxies append.
    `header` has the addresses; no other header is believed, since a client could send it.
    """

    def __init__(self, app: "WSGIApplication", hops: int, header: str = "X-Forwarded-For") -> None:
        self._app = app
        self._hops = hops
        self._addresses = "HTTP_" + header.upper().replace("-", "_")

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        environ[PEER] = environ.get("REMOTE_ADDR")
        environ[NAMED] = self._addresses in environ
        if client := self._header(environ, self._addresses):
            environ["REMOTE_ADDR"] = client
        if scheme := self._header(environ, "HTTP_X_FORWARDED_PROTO"):
            environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)

    def _header(self, environ: "WSGIEnvironment", header: str) -> str:
        values = environ.get(header, "").rsplit(",", self._hops)
        return str(values[-self._hops].strip()) if len(values) >= self._hops else ""


def peer_address(environ: Environ) -> str:
    """Return the address of the connection itself; "" for a Unix socket."""
    return str(environ.get(PEER, environ.get("REMOTE_ADDR")) or "")


def is_local(environ: Environ) -> bool:
    """Whether a program on this machine sent the request directly, without a proxy."""
    return is_loopback(peer_address(environ)) and not is_forwarded(environ)


def came_through_proxy(environ: Environ) -> bool:
    """Whether a trusted proxy forwarded this request."""
    return PEER in environ and is_forwarded(environ)


def is_forwarded(environ: Environ) -> bool:
    # Nearly every proxy sends one of these, so the others are rarely looked at.
    named = environ.get(NAMED) or "HTTP_X_FORWARDED_FOR" in environ
    return bool(named) or any(name.startswith(FORWARDED) for name in environ)


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's; "" is a Unix socket and counts as local."""
    ip = _parse(address)
    return address == "" or (ip is not None and ip.is_loopback)


def is_private(address: str) -> bool:
    """Whether an address is this machine's or in a private network, such as an office."""
    ip = _parse(address)
    return is_loopback(address) or (ip is not None and ip.is_private)


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
