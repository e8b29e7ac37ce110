"""Who may call a route. A route is closed unless its view is opened by name.

    @bp.get("/hello")
    @anyone
    def hello(): ...

Everything else needs a live session, and finds it in `caller()`.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Flask, Request, request

from myapi import identity, peers
from myapi.errors import ApiError
from myapi.extensions import settings
from myapi.identity import Identity

View = TypeVar("View", bound=Callable[..., Any])


def anyone(view: View) -> View:
    """Open a route to everyone."""
    view.guard = _admit  # type: ignore[attr-defined]
    return view


def neighbours(view: View) -> View:
    """Open a route to this machine itself; to others it does not exist."""
    view.guard = _admit_neighbour  # type: ignore[attr-defined]
    return view


def refusals(view: Callable[..., Any]) -> tuple[str, ...]:
    """Name the errors with which the guard of a view refuses a call."""
    return _REFUSALS[getattr(view, "guard", _admit_session)]


def caller() -> Identity:
    """Return who calls, in a view behind the guard."""
    identity: Identity = request.environ["myapi.caller"]
    return identity


def init_app(app: Flask) -> None:
    if not settings().production:
        app.before_request(_refuse_strangers)
    app.before_request(functools.partial(_guard, app.view_functions))


def _guard(views: Mapping[str, Callable[..., Any]]) -> None:
    """Let a request in, or raise; a body too large is refused before anyone reads it."""
    call: Request = request._get_current_object()  # type: ignore[attr-defined]  # looked up once
    if call.environ.get("CONTENT_LENGTH") and _is_too_large(call.content_length):
        raise ApiError("payload_too_large")
    if call.endpoint is None:  # no such path or method: the router's error says it
        return
    getattr(views[call.endpoint], "guard", _admit_session)(call)


def _is_too_large(length: int | None) -> bool:
    return length is not None and length > settings().max_body_bytes


def _admit(_call: Request) -> None:
    pass


def _admit_session(call: Request) -> None:
    call.environ["myapi.caller"] = identity.find(_bearer_token(call))


def _admit_neighbour(call: Request) -> None:
    if not peers.is_neighbour(call.environ):
        raise ApiError("not_found")


_REFUSALS: dict[Callable[[Request], None], tuple[str, ...]] = {
    _admit: (),
    _admit_session: (
        "token_missing",
        "token_invalid",
        "session_ended",
        "user_banned",
        "service_unavailable",
    ),
    _admit_neighbour: ("not_found",),
}


def _bearer_token(call: Request) -> str:
    """Read the header of RFC 6750, section 2.1; there is no other place for a token."""
    scheme, _, token = call.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not token:
        raise ApiError("token_missing")
    return str(token)


def _refuse_strangers() -> None:
    """Development is never on the internet by mistake: no proxy, no other machine."""
    near = peers.is_private if settings().dev_lan else peers.is_loopback
    if not near(peers.address(request.environ)) or peers.is_forwarded(request.environ):
        raise ApiError("development_only")
