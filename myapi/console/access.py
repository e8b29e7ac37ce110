"""Let operators in: those with a live cookie, from an allowed address."""

import hmac
import ipaddress
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from flask import Request, Response, request

from myapi.clock import now
from myapi.console.errors import Refused
from myapi.extensions import settings
from myapi.operators import cookies
from myapi.operators.cookies import SignedIn
from myapi.web import proxy_headers
from myapi.web.access import operator_or_none, operators_only

View = TypeVar("View", bound=Callable[..., Any])

COOKIE = "myapi_console"
#: Browsers take a cookie with this prefix only from this host itself, over https, for all paths.
HOST_PREFIX = "__Host-"


def find_operator(this: Request) -> SignedIn | None:
    """Return the operator of a request, or None: the console is then not there."""
    if not (settings().console and is_allowed_address(this)):
        return None
    cookie = this.cookies.get(_cookie_name(this))
    return None if cookie is None else cookies.find(cookie)


def operator() -> SignedIn:
    """Return the operator of this request, in a view that only operators may call."""
    found: SignedIn = operator_or_none(request)
    return found


def is_allowed_address(this: Request) -> bool:
    """Whether MYAPI_CONSOLE_ADDRESSES, if it is set, has the client's address."""
    allowed = settings().console_addresses
    if not allowed:
        return True
    try:
        address = ipaddress.ip_address(this.remote_addr or "")
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ipaddress.ip_network(each) for each in allowed)


def change(view: View) -> View:
    """Mark a view that changes or reveals something: POST, with the CSRF token, not read-only."""

    @operators_only
    @wraps(view)
    def checked(**path: Any) -> Any:  # noqa: ANN401
        check_form()
        if operator().read_only:
            raise Refused("read_only")
        return view(**path)

    return checked  # type: ignore[return-value]


def check_form() -> None:
    """Refuse a form that another site sent. SameSite=Strict is there too; this does not need it."""
    if not is_same_origin():
        raise Refused("csrf")
    given = request.form.get("csrf", "").encode(errors="replace")
    if not hmac.compare_digest(given, operator().csrf.encode()):
        raise Refused("csrf")


def is_same_origin() -> bool:
    """Whether the browser says that this site made the request; old browsers say nothing."""
    return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"


def give_cookie(response: Response, cookie: str, ends_at: datetime) -> None:
    response.set_cookie(
        _cookie_name(request),
        cookie,
        max_age=max(0, int((ends_at - now()).total_seconds())),
        secure=not _is_plain(request),
        httponly=True,
        samesite="Strict",
    )


def take_cookie(response: Response) -> None:
    response.delete_cookie(
        _cookie_name(request), secure=not _is_plain(request), httponly=True, samesite="Strict"
    )


def _cookie_name(this: Request) -> str:
    return COOKIE if _is_plain(this) else HOST_PREFIX + COOKIE


def _is_plain(this: Request) -> bool:
    """Whether this is development on this machine over http, where a browser may know no other."""
    is_http = this.scheme == "http" and not settings().production
    return is_http and proxy_headers.is_local(this.environ)
