"""Subscribe messages: what users permit, and what is sent to them."""

from flask import Flask

from myapi.extensions import settings
from myapi.messages import ledger, listings, sandbox, sending, views
from myapi.messages.models import Message, Permission, PermissionReport
from myapi.soon import Soon
from myapi.users import export


def init_app(app: Flask) -> None:
    export.register(app, Permission.__tablename__, ledger.export)
    export.register(app, PermissionReport.__tablename__, ledger.export_reports)
    export.register(app, Message.__tablename__, listings.export)
    app.extensions["messages_soon"] = Soon(app, "messages", _send_next)
    app.register_blueprint(views.bp)
    if settings().sandbox:
        app.register_blueprint(sandbox.bp)


def _send_next() -> bool:
    outcome = sending.send_next()
    return outcome is not None and not sending.is_trouble(outcome)
