"""Who is at the other end of the connection itself, whatever the headers say."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Environ = Mapping[str, Any]

FORWARDED = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
PEER = "myapi.peer"  # its address, once that of the client has taken its place


class BehindProxies:
    """Takes the client's address and scheme from what the nearest proxies say, as many as given.

    Each proxy adds to the end of a list, so what a client sends itself stands further left. Not
    Werkzeug's ProxyFix: it also reads quotes, with which a client could hide what is added.
    """

    def __init__(self, app: "WSGIApplication", hops: int) -> None:
        self._app = app
        self._hops = hops

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        environ[PEER] = environ.get("REMOTE_ADDR")
        if client := self._said(environ, "HTTP_X_FORWARDED_FOR"):
            environ["REMOTE_ADDR"] = client
        if scheme := self._said(environ, "HTTP_X_FORWARDED_PROTO"):
            environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)

    def _said(self, environ: "WSGIEnvironment", header: str) -> str:
        values = environ.get(header, "").rsplit(",", self._hops)
        return str(values[-self._hops].strip()) if len(values) >= self._hops else ""


def address(environ: Environ) -> str:
    """Return the address of the peer; "" for a Unix socket."""
    return str(environ.get(PEER, environ.get("REMOTE_ADDR")) or "")


def is_neighbour(environ: Environ) -> bool:
    """Whether a program on this machine asks, for itself and for nobody else."""
    return is_loopback(address(environ)) and not is_forwarded(environ)


def came_through_proxy(environ: Environ) -> bool:
    """Whether a proxy that the settings trust handed this request over."""
    return PEER in environ and is_forwarded(environ)


def is_forwarded(environ: Environ) -> bool:
    # What nearly every proxy sends is looked for first: each call through ours asks.
    return "HTTP_X_FORWARDED_FOR" in environ or any(name.startswith(FORWARDED) for name in environ)


def is_loopback(text: str) -> bool:
    """Whether an address is this machine's; a Unix socket has none and is."""
    ip = _parsed(text)
    return text == "" or (ip is not None and ip.is_loopback)


def is_private(text: str) -> bool:
    """Whether an address is of this machine or of a private network, such as the office's."""
    ip = _parsed(text)
    return is_loopback(text) or (ip is not None and ip.is_private)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
