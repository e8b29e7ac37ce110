"""Accounts: profile, decryption of WeChat's data, export, erasure."""

from flask import Flask

from myapi.users import erasure, export, views


def init_app(app: Flask) -> None:
    export.init_app(app)
    erasure.init_app(app)
    app.register_blueprint(views.bp)
