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
from myapi.web.body.upload import File, check_media_type, read_file
from myapi.web.responses import json_response, ok


class Endpoint(NamedTuple):
    """The declaration of a view. `errors` leaves out those that every route can answer with."""

    body: type[Struct] | None
    returns: Any
    errors: tuple[str, ...]
    envelope: bool
    file: File | None = None
    media_types: tuple[str, ...] = ()


def endpoint(
    *,
    body: type[Struct] | None = None,
    returns: Any = None,  # noqa: ANN401 (a struct, or a type such as dict[str, Any])
    errors: tuple[str, ...] = (),
    envelope: bool = True,
    file: File | None = None,
    media_types: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Parse the request's body as `body` for the view, and send what it returns as JSON.

    `errors` names what the view itself can raise. Without `body`, a request body is ignored. With
    `envelope=False`, the response is what the view returns, without `code`, `msg` and `data`.

    With `file`, the body is multipart/form-data, and the view gets a function that reads the file:
    only from then on does it take memory. Its limit is in place of `MYAPI_MAX_BODY_BYTES` where it
    is higher. With `media_types`, the view returns a response of its own, which has one of them.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        send = ok if envelope else json_response

        @functools.wraps(view)
        def call(**path: Any) -> Response:  # noqa: ANN401
            if media_types:
                response: Response = view(**path)
                return response
            if file is not None:
                check_media_type()
                return send(view(functools.partial(read_file, file), **path))
            if body is None:
                return send(view(**path))
            return send(view(parse_body(body), **path))

        declared = Endpoint(body, returns, errors, envelope, file, media_types)
        call.endpoint = declared  # type: ignore[attr-defined]
        if file is not None:
            call.max_body_bytes = file.max_body_bytes  # type: ignore[attr-defined]
        return call

    return decorate
