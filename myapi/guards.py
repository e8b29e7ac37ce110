"""Who may call a route. A route is closed unless its view is opened by name.

    @bp.get("/hello")
    @anyone
    def hello(): ...

Everything else needs a live session, and finds it in `caller()`.
"""

import ipaddress
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from myapi import sessions
from myapi.errors import ApiError
from myapi.extensions import settings
from myapi.sessions import Identity

View = TypeVar("View", bound=Callable[..., Any])

FORWARDED = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


def anyone(view: View) -> View:
    """Open a route to everyone."""
    view.guard = _admit  # type: ignore[attr-defined]
    return view


def neighbours(view: View) -> View:
    """Open a route to this machine itself; to others it does not exist."""
    view.guard = _admit_neighbour  # type: ignore[attr-defined]
    return view


def caller() -> Identity:
    """Return who calls, in a view behind the guard."""
    identity: Identity = g.caller
    return identity


def init_app(app: Flask) -> None:
    if not settings().production:
        app.before_request(_refuse_strangers)
    app.before_request(_guard)


def _guard() -> None:
    if request.endpoint is None:  # no such path or method: the router's error says it
        return
    view = current_app.view_functions[request.endpoint]
    getattr(view, "guard", _admit_session)()


def _admit() -> None:
    pass


def _admit_session() -> None:
    g.caller = sessions.find(_bearer_token())


def _admit_neighbour() -> None:
    if not (is_loopback(peer()) and not is_forwarded()):
        raise ApiError("not_found")


def _bearer_token() -> str:
    """Read the header of RFC 6750, section 2.1; there is no other place for a token."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not token:
        raise ApiError("token_missing")
    return str(token)


def _refuse_strangers() -> None:
    """Development is never on the internet by mistake: no proxy, no other machine."""
    near = is_loopback(peer()) or (settings().dev_lan and _is_private(peer()))
    if not near or is_forwarded():
        raise ApiError("development_only")


def peer() -> str:
    """Return the address of the connection itself, whatever a header says; "" for a Unix socket."""
    environ = request.environ
    original = environ.get("werkzeug.proxy_fix.orig", environ)
    return str(original.get("REMOTE_ADDR") or "")


def is_forwarded() -> bool:
    return any(name.startswith(FORWARDED) for name in request.environ)


def is_loopback(address: str) -> bool:
    """Whether the peer is this machine; a Unix socket has no address and is."""
    ip = _ip(address)
    return address == "" or (ip is not None and ip.is_loopback)


def _is_private(address: str) -> bool:
    ip = _ip(address)
    return ip is not None and ip.is_private


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
