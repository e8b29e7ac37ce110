"""Handlers of WeChat's events, which the team's own code registers."""

import logging
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from flask import Flask

log = logging.getLogger(__name__)

#: Called with the event, as WeChat sent it and myapi has decrypted it.
EventHandler: TypeAlias = Callable[[dict[str, Any]], object]
F = TypeVar("F", bound=EventHandler)

HANDLERS: dict[str, list[EventHandler]] = {}


def on_event(name: str) -> Callable[[F], F]:
    """Handle an event that WeChat pushes, such as `user_authorization_revoke`.

        @on_event("user_authorization_revoke")
        def revoked(event: dict[str, Any]) -> None: ...

    This version does not receive WeChat's pushes yet. The handler is kept, and is called once a
    version does; until then the start logs a warning. It may then be called twice for one event.
    """

    def decorate(handler: F) -> F:
        HANDLERS.setdefault(name, []).append(handler)
        return handler

    return decorate


def init_app(app: Flask) -> None:
    app.extensions["wechat_events"] = HANDLERS
    if HANDLERS:
        names = ", ".join(HANDLERS)
        log.warning("this version of myapi does not receive WeChat's events yet: %s", names)
