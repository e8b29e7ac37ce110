"""The backend of a WeChat mini program: login, sessions and users on one's own server."""

import logging

from flask import Flask

from myapi import auth, cli, extensions, users, web
from myapi.auth.authenticate import authenticate
from myapi.db import engines
from myapi.observability import logs
from myapi.settings import Settings, SettingsError, unknown_variables

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """Make an app from `settings`, by default from the environment. Raises `SettingsError`.

    Under the flask command wrong settings give an app with nothing but the commands: those that
    need no settings work, the others print what is wrong.
    """
    try:
        settings = settings or Settings.from_env()
    except SettingsError as error:
        return cli.app_without_settings(error)

    app = Flask(__name__, static_folder=None, instance_path=str(settings.instance_path))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # a wrong path is a 404, not a redirect in HTML
    extensions.init_app(app, settings)
    logs.init_app(settings)
    with app.app_context():
        engines.init_app(app, cli.timeouts())
        web.init_app(app, authenticate)
        users.init_app(app)
        auth.init_app(app)
        cli.init_app(app)
    for warning in (*settings.warnings(), *unknown_variables()):
        log.warning(warning)
    return app
