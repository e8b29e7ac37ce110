"""The team's own code: found in `app/`, checked, and made part of the app.

What it may import is in `myapi.extend`.
"""

from flask import Flask

from myapi.console import boxes
from myapi.language import localized
from myapi.team import routes, wechat_events
from myapi.team.errors import ExtensionError
from myapi.team.extension import Extension
from myapi.team.loading import load
from myapi.users import erasure, events, export
from myapi.web import errors
from myapi.web.openapi import views as openapi

__all__ = ["Extension", "ExtensionError", "init_app", "load"]


def init_app(app: Flask, extension: Extension) -> None:
    """Add all that an extension has, after all of myapi's. Raises `ExtensionError`."""
    app.extensions["app_folder"] = extension.folder
    app.extensions["app_tables"] = extension.tables
    app.extensions["own_texts"] = extension.texts
    errors.register(app, extension.errors)
    problems = list(routes.register(app, extension.blueprints))
    for command in extension.commands:
        app.cli.add_command(command)
    taken = sorted(extension.exports.keys() & export.fields_of(app))
    problems += [
        localized(
            f"exports: `{name}` is a field of myapi, choose another name",
            f"exports：`{name}` 是 myapi 的字段，请换一个名字",
        )
        for name in taken
    ]
    if problems:
        raise ExtensionError(problems)
    for name, exporter in extension.exports.items():
        export.register(app, name, exporter)
    for hook in extension.erases:
        erasure.register(app, hook)
    for event, handler in extension.handlers():
        events.register(app, event, handler)
    boxes.register(app, extension.console_pages, extension.console_boxes)
    wechat_events.init_app(app)
    if "texts" in app.extensions:  # in development, where /docs is
        openapi.register_texts(app, extension.texts)
