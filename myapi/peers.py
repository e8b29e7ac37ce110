"""Who is at the other end of the connection itself, whatever the headers say."""

import ipaddress
from collections.abc import Mapping
from typing import Any

Environ = Mapping[str, Any]

FORWARDED = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
PROXY_FIX = "werkzeug.proxy_fix.orig"  # there once ProxyFix has put the client's address in place


def address(environ: Environ) -> str:
    """Return the address of the peer; "" for a Unix socket."""
    return str(environ.get(PROXY_FIX, environ).get("REMOTE_ADDR") or "")


def is_neighbour(environ: Environ) -> bool:
    """Whether a program on this machine asks, for itself and for nobody else."""
    return is_loopback(address(environ)) and not is_forwarded(environ)


def came_through_proxy(environ: Environ) -> bool:
    """Whether a proxy that the settings trust handed this request over."""
    return PROXY_FIX in environ and is_forwarded(environ)


def is_forwarded(environ: Environ) -> bool:
    return any(name.startswith(FORWARDED) for name in environ)


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
