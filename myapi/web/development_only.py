"""Keep development off the internet: it answers only direct requests from this machine.

A tunnel of raw TCP looks like such a request. What gives it away is the `Host` that was called.
"""

from urllib.parse import urlsplit

from flask import request

from myapi.extensions import settings
from myapi.settings import Settings
from myapi.web import proxy_headers
from myapi.web.errors import ApiError

LAN = "MYAPI_DEV_LAN"


def require() -> None:
    """Raise `ApiError`, which names the setting, if development must not answer this request."""
    config, environ = settings(), request.environ
    if proxy_headers.is_forwarded(environ):
        raise ApiError("development_only", "MYAPI_ENV")
    peer = proxy_headers.peer_address(environ)
    if not (proxy_headers.is_loopback(peer) or _is_in_lan(config, peer)):
        raise ApiError("development_only", LAN)
    if not _may_be_called(config, _name(environ.get("HTTP_HOST", ""))):
        raise ApiError("development_only", f"Host: MYAPI_BIND, {LAN}")


def _is_in_lan(config: Settings, address: str) -> bool:
    return config.dev_lan and proxy_headers.is_private(address)


def _may_be_called(config: Settings, name: str) -> bool:
    """Whether a service in development may be called by this name or address."""
    if not name:
        return False
    if name == "localhost" or name.endswith(".localhost") or proxy_headers.is_loopback(name):
        return True
    if name == _name(config.bind.removeprefix("tcp://")):
        return True
    return _is_in_lan(config, name) or (config.dev_lan and name.endswith(".local"))


def _name(authority: str) -> str:
    """Return the host of `host:port`, in lower case; "" if there is none."""
    try:
        return (urlsplit(f"//{authority}").hostname or "").rstrip(".")
    except ValueError:
        return ""
