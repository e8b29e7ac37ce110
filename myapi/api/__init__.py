"""The door for mini programs: one blueprint a file."""

from flask import Flask

from myapi.api import auth, docs, health, hello, me, sandbox
from myapi.extensions import settings


def init_app(app: Flask) -> None:
    for blueprint in (hello.bp, auth.bp, me.bp, health.bp):
        app.register_blueprint(blueprint)
    if not settings().production:
        app.register_blueprint(docs.bp)
    if settings().sandbox:
        app.register_blueprint(sandbox.bp)
