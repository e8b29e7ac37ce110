"""What a view takes and gives, said once: it parses, wraps, and describes the API.

@bp.post("/login")
@anyone
@contract(takes=LoginRequest, gives=LoginOut, errors=("login_code_invalid",))
def login(body: LoginRequest) -> LoginOut: ...
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Response
from msgspec import Struct

from myapi.responses import json_response, ok
from myapi.schemas import body_as


class Contract(NamedTuple):
    """The description of a view; what every route may answer besides is not repeated in it."""

    takes: type[Struct] | None
    gives: Any
    errors: tuple[str, ...]
    envelope: bool


def contract(
    *,
    takes: type[Struct] | None = None,
    gives: Any = None,  # noqa: ANN401 (a struct, or a type such as dict[str, Any])
    errors: tuple[str, ...] = (),
    envelope: bool = True,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Parse the body as `takes` for the view, and send what it returns as JSON.

    `errors` names what the view itself may raise. A view without `takes` ignores any body.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        send = ok if envelope else json_response

        @functools.wraps(view)
        def call(**path: Any) -> Response:  # noqa: ANN401
            if takes is None:
                return send(view(**path))
            return send(view(body_as(takes), **path))

        call.contract = Contract(takes, gives, errors, envelope)  # type: ignore[attr-defined]
        return call

    return decorate
