"""Accounts: profile, phone number, decryption of WeChat's data, export, erasure."""

from flask import Flask

from myapi import user_events
from myapi.users import erasure, export, phone, views
from myapi.users.models import PhoneCode


def init_app(app: Flask) -> None:
    user_events.init_app(app)
    export.init_app(app)
    erasure.init_app(app)
    export.register(app, PhoneCode.__tablename__, phone.sent_codes)
    app.register_blueprint(views.bp)
