"""Log in and stay logged in: sessions, bans, and the user behind a bearer token."""

from flask import Flask

from myapi.auth import bans, sessions, views
from myapi.users import erasure, export


def init_app(app: Flask) -> None:
    export.register(app, "sessions", sessions.export_sessions)
    erasure.register(app, bans.keep_when_erased)
    app.register_blueprint(views.bp)
