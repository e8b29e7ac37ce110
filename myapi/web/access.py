"""Access rules. A route requires a live session unless its view is marked otherwise.

    @bp.get("/hello")
    @public
    def hello(): ...

In all other views `caller()` returns the session and the user of the request.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from flask import Flask, Request, current_app, request

from myapi.extensions import settings
from myapi.web import development_only, proxy_headers
from myapi.web.errors import ApiError

View = TypeVar("View", bound=Callable[..., Any])
Rule: TypeAlias = Callable[[Request], None]

OPERATOR = "myapi.operator"  # in the WSGI environ
CALLER = "myapi.caller"  # in the WSGI environ; the request log reads it too


class Caller(NamedTuple):
    """The session and the user of a request."""

    session_id: int
    session: str  # its public id
    account: Any  # users.accounts.Account, which this layer does not import

    @property
    def user_id(self) -> int:
        return int(self.account.id)

    @property
    def user(self) -> str:
        """The public id of the user."""
        return str(self.account.public_id)

    @property
    def openid(self) -> str:
        return str(self.account.openid)


#: Returns the caller of a bearer token, or raises `ApiError`.
Authenticate: TypeAlias = Callable[[str], Caller]
#: Returns the operator of a request (operators.cookies.SignedIn), or None.
FindOperator: TypeAlias = Callable[[Request], Any]


def public(view: View) -> View:
    """Allow everyone to call a route."""
    view.access = _allow  # type: ignore[attr-defined]
    return view


def local_only(view: View) -> View:
    """Allow only direct requests from this machine to call a route; others get a 404."""
    view.access = _require_local  # type: ignore[attr-defined]
    return view


def operators_only(view: View) -> View:
    """Allow only operators of the console to call a route; others get a 404."""
    view.access = _require_operator  # type: ignore[attr-defined]
    return view


def signed_by_wechat(view: View) -> View:
    """Allow WeChat alone to call a route. The view verifies that: the signature covers the body."""
    view.access = _let_the_view_verify  # type: ignore[attr-defined]
    return view


def caller() -> Caller:
    """Return the session and the user of this request, in a view that needs a session."""
    found: Caller = request.environ[CALLER]
    return found


def refusals(view: Callable[..., Any]) -> tuple[str, ...]:
    """Return the errors that the access rule of a view can raise."""
    return _REFUSALS[_rule(view)]


def operator_or_none(this: Request) -> Any:  # noqa: ANN401 (this layer does not import operators)
    """Return the operator of a request; it is looked for once."""
    if OPERATOR not in this.environ:
        this.environ[OPERATOR] = current_app.extensions["find_operator"](this)
    return this.environ[OPERATOR]


def init_app(app: Flask, authenticate: Authenticate, find_operator: FindOperator) -> None:
    app.extensions["authenticate"] = authenticate
    app.extensions["find_operator"] = find_operator
    if not settings().production:
        app.before_request(development_only.require)
    app.before_request(functools.partial(_check, app, app.view_functions))


def _check(app: Flask, views: Mapping[str, Callable[..., Any]]) -> None:
    """Apply the access rule. A body that is too large is refused before it is read."""
    this: Request = request._get_current_object()  # type: ignore[attr-defined]  # resolved once
    if this.environ.get("CONTENT_LENGTH") and (this.content_length or 0) > _limit(app, this):
        raise ApiError("payload_too_large")
    if this.endpoint is not None:  # else the router answers with 404 or 405
        _rule(views[this.endpoint])(this)


def _limit(app: Flask, this: Request) -> int:
    view = app.view_functions.get(this.endpoint or "")
    return max_body_bytes(app, view)


def max_body_bytes(app: Flask, view: Callable[..., Any] | None) -> int:
    """Return the limit of a route: its own, if that is higher than what all routes have."""
    common: int = app.config["MAX_CONTENT_LENGTH"]
    return max(common, getattr(view, "max_body_bytes", 0))


def _rule(view: Callable[..., Any]) -> Rule:
    rule: Rule = getattr(view, "access", _require_session)
    return rule


def _allow(_request: Request) -> None:
    pass


def _let_the_view_verify(_request: Request) -> None:
    pass


def _require_session(this: Request) -> None:
    token = _bearer_token(this)
    this.environ[CALLER] = current_app.extensions["authenticate"](token)


def _require_operator(this: Request) -> None:
    if operator_or_none(this) is None:
        raise ApiError("not_found")


def _require_local(this: Request) -> None:
    if not proxy_headers.is_local(this.environ):
        raise ApiError("not_found")


_REFUSALS: dict[Rule, tuple[str, ...]] = {
    _allow: (),
    _require_session: (
        "token_missing",
        "token_invalid",
        "session_ended",
        "user_banned",
        "service_unavailable",
    ),
    _require_operator: ("not_found",),
    _require_local: ("not_found",),
    _let_the_view_verify: (
        "invalid_request",
        "push_refused",
        "not_found",
        "payload_too_large",
        "service_unavailable",
    ),
}


def _bearer_token(this: Request) -> str:
    """Source: RFC 6750, section 2.1. Tokens are accepted only in this header."""
    scheme, _, token = this.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not token:
        raise ApiError("token_missing")
    return str(token)
