"""The server of `dev.py`: Werkzeug's, in threads, without its debugger.

The debugger runs code that comes in a request, so it stays off.
"""

import logging
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from myapi.db import schema_version
from myapi.development import messages
from myapi.development.address import WINDOWS, AddressError, parse, require_free
from myapi.language import localized
from myapi.settings import Settings

log = logging.getLogger(__name__)


class RequestHandler(WSGIRequestHandler):
    def log_request(self, *_args: Any) -> None:  # noqa: ANN401
        """Log nothing: the app logs each request itself."""


def check(settings: Settings, command: str, *, again: bool) -> None:
    """Raise `AddressError` if development cannot be served with these settings.

    After a restart the port is not tried: it was ours a moment ago.
    """
    if settings.production:
        raise AddressError(
            localized(
                f"{command} is for development, and MYAPI_ENV is production",
                f"{command} 只用于开发模式，而 MYAPI_ENV 是 production",
            )
        )
    address = parse(settings.bind)
    if address.path:
        raise AddressError(
            localized(
                f"{command} serves on a port, and MYAPI_BIND is a Unix socket: make run",
                f"{command} 只能用端口，而 MYAPI_BIND 是 Unix 套接字：请用 make run",
            )
        )
    if not again:
        require_free(address, command)


def listen(app: Flask, *, again: bool) -> BaseWSGIServer:
    """Listen on the address of the settings, and say so. `serve_forever()` then serves."""
    settings: Settings = app.extensions["settings"]
    address = parse(settings.bind)
    server = make_server(
        address.host, address.port, app, threaded=True, request_handler=RequestHandler
    )
    _warn_if_behind(app)
    message = localized("serving again", "已重新启动") if again else messages.at_the_start(settings)
    print(message, flush=True)  # noqa: T201
    return server


def _warn_if_behind(app: Flask) -> None:
    """A migration that has just been written is applied by hand: it is there to be read first."""
    try:
        with app.app_context():
            if schema_version.is_ready():
                return
    except sqlalchemy.exc.SQLAlchemyError as error:
        log.warning("the database cannot be used: %s", getattr(error, "orig", error))
        return
    log.warning("the database lacks a migration: %s", UPGRADE)


UPGRADE = str(Path(".venv", "Scripts" if WINDOWS else "bin", "flask")) + " db upgrade"
