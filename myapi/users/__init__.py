"""Accounts: profile, decryption of WeChat's data, export, erasure."""

from flask import Flask

from myapi import user_events
from myapi.users import erasure, export, views


def init_app(app: Flask) -> None:
    user_events.init_app(app)
    export.init_app(app)
    erasure.init_app(app)
    app.register_blueprint(views.bp)
