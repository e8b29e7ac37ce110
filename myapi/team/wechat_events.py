"""Handlers of WeChat's events, which the team's own code registers."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from flask import Flask

from myapi.push import handlers

#: Called with the event, as WeChat sent it and myapi has decrypted it.
EventHandler: TypeAlias = Callable[[dict[str, Any]], object]
F = TypeVar("F", bound=EventHandler)

HANDLERS: dict[str, list[EventHandler]] = {}


def on_event(name: str) -> Callable[[F], F]:
    """Handle an event that WeChat pushes, such as `subscribe_msg_popup_event`.

        @on_event("subscribe_msg_popup_event")
        def counted(event: dict[str, Any]) -> None: ...

    The event is what WeChat sent; from XML, all its values are texts. The handler is called after
    WeChat has its answer, in an app context, outside of any request. If it raises, the event is
    handled again later; so it may be called twice for one event, and has to allow for that.
    """

    def decorate(handler: F) -> F:
        HANDLERS.setdefault(name, []).append(handler)
        return handler

    return decorate


def init_app(app: Flask) -> None:
    for name, each in HANDLERS.items():
        for handler in each:
            handlers.register(app, name, handler)
