"""The backend of a WeChat mini program: login, sessions and users on one's own server."""

import dataclasses
import logging

from flask import Flask

from myapi import audit, auth, cli, console, extensions, messages, push, team, users, web
from myapi.auth.authenticate import authenticate
from myapi.db import engines, token_store
from myapi.observability import logs
from myapi.settings import Settings, SettingsError, unknown_variables
from myapi.team import Extension, ExtensionError
from myapi.web import time_limit
from myapi.web.openapi import views as openapi

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, extension: Extension | None = None) -> Flask:
    """Make an app from the environment and the team's own code in `app/`.

    With `settings` given, nothing is looked for: the app is made from these and `extension` alone.
    Raises `SettingsError` or `ExtensionError`. Under the flask command there is then an app with
    nothing but the commands: those that need no settings work, the others print what is wrong.
    """
    try:
        if settings is None:
            extension = extension or team.load()
            settings = Settings.from_env(own=extension.own_settings)
        extension = extension or Extension()
        return _make(_with_defaults(settings, extension), extension)
    except (SettingsError, ExtensionError) as error:
        return cli.app_without_settings(error, extension.commands if extension else ())


def _with_defaults(settings: Settings, extension: Extension) -> Settings:
    """Fill in the team's own settings that were not given."""
    given = {type(each) for each in settings.own}
    missing = [of() for of in extension.own_settings if of not in given]
    return dataclasses.replace(settings, own=(*settings.own, *missing))


def _make(settings: Settings, extension: Extension) -> Flask:
    app = Flask(__name__, static_folder=None, instance_path=str(settings.instance_path))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # a wrong path is a 404, not a redirect in HTML
    extensions.init_app(app, settings)
    logs.init_app(settings)
    with app.app_context():
        engines.init_app(app, cli.timeouts())
        token_store.init_app(app)
        audit.init_app(app)
        web.init_app(app, authenticate, console.find_operator)
        users.init_app(app)
        auth.init_app(app)
        messages.init_app(app)
        push.init_app(app)
        console.init_app(app)
        cli.init_app(app)
        team.init_app(app, extension)
        openapi.lead_from_root(app)
        time_limit.init_app(app)  # last, when all views are there
    for warning in (*settings.warnings(), *unknown_variables(own=extension.own_settings)):
        log.warning(warning)
    return app
