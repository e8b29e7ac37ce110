"""Declare what a view takes and returns: for parsing, encoding and the API description.

@bp.post("/login")
@public
@endpoint(body=LoginRequest, returns=LoginOut, errors=("login_code_invalid",))
def login(body: LoginRequest) -> LoginOut: ...
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Response
from msgspec import Struct

from myapi.web.body import parse_body
from myapi.web.responses import json_response, ok


class Endpoint(NamedTuple):
    """The declaration of a view. `errors` leaves out those that every route can answer with."""

    body: type[Struct] | None
    returns: Any
    errors: tuple[str, ...]
    envelope: bool


def endpoint(
    *,
    body: type[Struct] | None = None,
    returns: Any = None,  # noqa: ANN401 (a struct, or a type such as dict[str, Any])
    errors: tuple[str, ...] = (),
    envelope: bool = True,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Parse the request's body as `body` for the view, and send what it returns as JSON.

    `errors` names what the view itself can raise. Without `body`, a request body is ignored. With
    `envelope=False`, the response is what the view returns, without `code`, `msg` and `data`.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        send = ok if envelope else json_response

        @functools.wraps(view)
        def call(**path: Any) -> Response:  # noqa: ANN401
            if body is None:
                return send(view(**path))
            return send(view(parse_body(body), **path))

        call.endpoint = Endpoint(body, returns, errors, envelope)  # type: ignore[attr-defined]
        return call

    return decorate
