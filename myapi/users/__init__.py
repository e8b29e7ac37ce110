"""Accounts: profile, phone number, avatar, decryption of WeChat's data, export, erasure."""

from flask import Flask

from myapi.users import avatar, avatar_views, erasure, events, export, phone, views
from myapi.users.models import Avatar, PhoneCode


def init_app(app: Flask) -> None:
    events.init_app(app)
    export.init_app(app)
    erasure.init_app(app)
    export.register(app, PhoneCode.__tablename__, phone.sent_codes)
    export.register(app, Avatar.__tablename__, avatar.uploaded)
    app.register_blueprint(views.bp)
    app.register_blueprint(avatar_views.bp)
