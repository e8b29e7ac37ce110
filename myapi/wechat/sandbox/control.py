"""The sandbox's own two routes, which control it: a JSON object in, a JSON object out."""

import json
from collections.abc import Callable
from typing import Any

from .state import Sandbox, UnknownUserError

#: A route's function of (sandbox, body), which returns the reply. It may raise BadRequestError.
Control = Callable[[Sandbox, dict[str, Any]], dict[str, Any]]


class BadRequestError(ValueError):
    """The request is invalid. The message says why and is sent to the caller."""


def encrypt(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    """Encrypt: {openid, data, appid?} → {encryptedData, iv, rawData, signature}."""
    user, data, appid = body.get("openid"), body.get("data"), body.get("appid")
    if not isinstance(user, str) or not isinstance(data, dict):
        raise BadRequestError("openid must be a string (an openid or a NAME), data an object")
    if not isinstance(appid, str | None):
        raise BadRequestError("appid must be a string")
    try:
        return {**sandbox.encrypt(user, data, appid)}
    except UnknownUserError as error:
        raise BadRequestError(str(error)) from None
    except UnicodeError:
        raise BadRequestError("a string contains half a surrogate pair") from None


def set_fault(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    """Set a fault: {kind, times = 1} → {kind, times}."""
    kind, times = body.get("kind", ""), body.get("times", 1)
    try:
        sandbox.set_fault(kind, times)
    except ValueError as error:
        raise BadRequestError(str(error)) from None
    return {"kind": kind, "times": times}


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises BadRequestError."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise BadRequestError("the body must be a JSON object")
    return body
