"""Parse the JSON body of a request strictly."""

import json
from typing import Any, TypeVar

import msgspec
from flask import request
from msgspec import Struct
from werkzeug.exceptions import ClientDisconnected, HTTPException

from myapi.web.body.find_errors import errors_in, known_fields
from myapi.web.errors import ApiError
from myapi.web.field_errors import FieldError

S = TypeVar("S", bound=Struct)


def parse_body(shape: type[S]) -> S:
    """Parse the request's body as `shape`, or raise an `ApiError` that says what is wrong.

    A body is a JSON object in UTF-8. Duplicate names are refused, unknown ones ignored, unless
    there are no others.
    """
    if request.mimetype != "application/json" or request.content_encoding not in {None, "identity"}:
        raise ApiError("unsupported_media_type")
    try:
        text = read_body().decode("utf-8")
        value = _STRICT.decode(text)
        if "\\u" in text:  # a lone surrogate such as \\ud800 is not a character
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return convert(value, shape)
    except (ValueError, RecursionError):
        raise _body_error("format", "json") from None


def convert(value: object, shape: type[S]) -> S:
    """Make a struct of a decoded body, or raise an `ApiError` that names the wrong fields."""
    try:
        body = msgspec.convert(value, shape)
    except msgspec.ValidationError as error:  # its text may have what the client sent
        reason = str(error) if error.__cause__ else ""  # of a `__post_init__`, which the team wrote
        raise ApiError("invalid_request", reason=reason, fields=errors_in(value, shape)) from None
    except ApiError as error:  # of a `__post_init__`, which does not know its place in the body
        error.fields = errors_in(value, shape) if error.fields else ()
        raise
    known = known_fields(shape)
    if known and isinstance(value, dict) and value and known.isdisjoint(value):
        raise ApiError("invalid_request", fields=errors_in(value, shape))
    return body


def _body_error(rule: str, limit: str | None = None) -> ApiError:
    return ApiError("invalid_request", fields=[FieldError("", rule, limit)])


def read_body() -> bytes:
    """Return the whole body, or raise an `ApiError`. Werkzeug cuts off a body that is too long."""
    chunked = request.content_length is None and "wsgi.input_terminated" in request.environ
    try:
        body = request.get_data(cache=False)
        more = chunked and request.environ["wsgi.input"].read(1)
    except ClientDisconnected:
        raise _body_error("cut_off") from None
    except HTTPException:
        raise
    except Exception:  # servers raise different exceptions for a bad chunk or trailer
        raise _body_error("cut_off") from None
    if more:
        raise ApiError("payload_too_large")
    if len(body) < (request.content_length or 0):
        raise _body_error("cut_off")
    return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
