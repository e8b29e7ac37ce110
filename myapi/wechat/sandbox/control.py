"""The two routes of the sandbox's own: a JSON object in, a JSON object out."""

import json
from collections.abc import Callable
from typing import Any

from .state import Sandbox, UnknownUserError

#: Route → what it does with a sandbox and a body. Each may raise BadRequestError.
Control = Callable[[Sandbox, dict[str, Any]], dict[str, Any]]


class BadRequestError(ValueError):
    """What came in cannot be done; the text says why, and may be shown."""


def encrypt(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    """Do {openid, data, appid?} → {encryptedData, iv, rawData, signature}."""
    user, data, appid = body.get("openid"), body.get("data"), body.get("appid")
    if not isinstance(user, str) or not isinstance(data, dict):
        raise BadRequestError("openid is a text (an openid or a NAME), data is an object")
    if not isinstance(appid, str | None):
        raise BadRequestError("appid is a text")
    try:
        return {**sandbox.encrypt(user, data, appid)}
    except UnknownUserError as error:
        raise BadRequestError(str(error)) from None
    except UnicodeError:
        raise BadRequestError("half a surrogate pair is no text") from None


def fault(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    """Do {kind, times = 1} → {kind, times}."""
    kind, times = body.get("kind", ""), body.get("times", 1)
    try:
        sandbox.set_fault(kind, times)
    except ValueError as error:
        raise BadRequestError(str(error)) from None
    return {"kind": kind, "times": times}


def read_object(text: bytes) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise BadRequestError("send a JSON object")
    return body
