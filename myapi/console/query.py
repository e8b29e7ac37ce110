"""What pages read of the query and of forms."""

import re

from flask import request

from myapi import audit
from myapi.console.errors import Refused
from myapi.web.errors import ApiError

ROWS = 50  # of a page
ID = re.compile(r"[0-9a-f]{24}")  # of a user or a session


def after() -> int | None:
    """Return the cursor of a list; None on its first page."""
    text = request.args.get("after")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ApiError("invalid_request")
    return int(text)


def one_of(name: str, choices: tuple[str, ...]) -> str | None:
    """Return a parameter that is one of these; None if it is not there, or another text."""
    text = request.args.get(name)
    return text if text in choices else None


def reason() -> str:
    """Return the reason of a form, which every change has."""
    found = optional_reason()
    if found is None:
        raise Refused("reason_missing")
    return found


def optional_reason() -> str | None:
    try:
        return audit.clean_reason(request.form.get("reason"))
    except ValueError:
        raise Refused("reason_missing") from None
