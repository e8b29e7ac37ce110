"""Declare what a view takes and returns: for parsing, encoding and the API description.

@bp.post("/login")
@public
@endpoint(body=LoginRequest, returns=LoginOut, errors=("login_code_invalid",))
def login(body: LoginRequest) -> LoginOut: ...
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from flask import Response
from msgspec import Struct

from myapi.web.body import parse_body
from myapi.web.body.upload import File, check_media_type, read_file
from myapi.web.responses import json_response, ok

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Response]]


class Endpoint(NamedTuple):
    """The declaration of a view. `errors` leaves out those that every route can answer with."""

    body: type[Struct] | None = None
    returns: Any = None
    errors: tuple[str, ...] = ()
    envelope: bool = True
    file: File | None = None
    media_types: tuple[str, ...] = ()  # of the response, where that is not JSON


def endpoint(
    *,
    body: type[Struct] | None = None,
    returns: Any = None,  # noqa: ANN401 (a struct, or a type such as dict[str, Any])
    errors: tuple[str, ...] = (),
    envelope: bool = True,
) -> Decorator:
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


def upload_endpoint(
    file: File,
    *,
    returns: Any = None,  # noqa: ANN401 (as above)
    errors: tuple[str, ...] = (),
) -> Decorator:
    """Like `endpoint`, with a body of multipart/form-data that has one file.

    The view gets a function that reads the file: only from then on does it take memory. The limit
    of the file is in place of MYAPI_MAX_BODY_BYTES where it is higher.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        @functools.wraps(view)
        def call(**path: Any) -> Response:  # noqa: ANN401
            check_media_type()
            return ok(view(functools.partial(read_file, file), **path))

        call.endpoint = Endpoint(returns=returns, errors=errors, file=file)  # type: ignore[attr-defined]
        call.max_body_bytes = file.max_body_bytes  # type: ignore[attr-defined]
        return call

    return decorate


def media_endpoint(*media_types: str, errors: tuple[str, ...] = ()) -> Decorator:
    """Declare a view that returns a response of its own, which has one of these types."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        view.endpoint = Endpoint(errors=errors, media_types=media_types)  # type: ignore[attr-defined]
        return view

    return decorate
