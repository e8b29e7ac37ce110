"""What WeChat tells the server: verified, stored, then handled, once each."""

from flask import Flask

from myapi.extensions import settings
from myapi.push import handlers, handling, inbox, listings, sandbox, views
from myapi.soon import Soon
from myapi.users import erasure, export


def init_app(app: Flask) -> None:
    handlers.init_app(app)
    erasure.register(app, inbox.forget_user)
    export.register(app, "wechat_events", listings.of_user)
    app.extensions["events_soon"] = Soon(app, "events", _handle_next)
    app.register_blueprint(views.bp)
    if settings().sandbox:
        app.register_blueprint(sandbox.bp)


def _handle_next() -> bool:
    return any(handling.handle_due(handlers.handle, limit=1))
