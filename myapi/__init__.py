"""The backend of a WeChat mini program: login, sessions and users on one's own server."""

import logging

from flask import Flask

from myapi import (
    api,
    cli,
    cors,
    engines,
    errors,
    extensions,
    guards,
    limits,
    logs,
    observability,
    peers,
)
from myapi.flask_app import App
from myapi.settings import Settings, SettingsError, unknown_variables

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """Wire an app from `settings`, by default from the environment; raises `SettingsError`.

    Under the flask command, wrong settings give an app with nothing but the commands: those
    that need no settings work, the others print what is wrong.
    """
    try:
        settings = settings or Settings.from_env()
    except SettingsError as error:
        return cli.app_without_settings(error)

    app = App(__name__, static_folder=None, instance_path=str(settings.instance_path))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # a wrong path is a 404, not a redirect in HTML
    extensions.init_app(app, settings)
    logs.init_app(settings)
    with app.app_context():
        engines.init_app(app, cli.patience())
        observability.init_app(app)
        cors.init_app(app)
        guards.init_app(app)
        limits.init_app(app)
        errors.init_app(app)
        api.init_app(app)
        cli.init_app(app)

    if settings.trusted_proxies:
        app.wsgi_app = peers.BehindProxies(  # type: ignore[method-assign]
            app.wsgi_app, settings.trusted_proxies
        )
    for warning in (*settings.warnings(), *unknown_variables()):
        log.warning(warning)
    return app
