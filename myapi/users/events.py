"""What happens to users, for the team's own code: `on={"signup": welcome}`.

Handlers are called as (user_id) once the change is committed, in the request or the command that
made it, so they should be quick. An exception of one is logged; the call succeeds all the same.
"""

import functools
import logging
from collections.abc import Callable
from typing import TypeAlias

from flask import Flask, current_app

from myapi.db.transactions import Transaction, after_commit

log = logging.getLogger(__name__)

EVENTS = {
    "signup": "a user logged in for the first time; `login` follows",
    "login": "a user logged in, and has a new session",
    "ban": "an operator banned a user; the sessions have ended",
    "unban": "an operator lifted a ban",
    "erase": "an account was erased; no row of it is left",
}

Handler: TypeAlias = Callable[[int], object]


def init_app(app: Flask) -> None:
    app.extensions["user_events"] = {event: [] for event in EVENTS}


def register(app: Flask, event: str, handler: Handler) -> None:
    """Call `handler` after each `event`."""
    app.extensions["user_events"][event].append(handler)


def announce(tx: Transaction, event: str, user_id: int) -> None:
    """Call the handlers of `event` once `tx` is committed; not if it is rolled back."""
    handlers: list[Handler] = current_app.extensions["user_events"][event]
    for handler in handlers:
        after_commit(tx, functools.partial(_call, handler, event, user_id))


def _call(handler: Handler, event: str, user_id: int) -> None:
    try:
        handler(user_id)
    except Exception:
        log.exception("a handler of %s failed", event, extra={"event": "handler_failed"})
