"""What all routes share: parsing, access rules, errors, rate limits, the request log.

It also has the routes that belong to no feature: hello, health and, in development, the API
description and the sandbox.
"""

from flask import Flask

from myapi.extensions import settings
from myapi.web import (
    access,
    cors,
    error_handlers,
    errors,
    health,
    hello,
    rate_limits,
    request_log,
    sandbox,
)
from myapi.web.access import Authenticate, FindOperator
from myapi.web.openapi import views as openapi
from myapi.web.proxy_headers import ProxyHeaders


def init_app(app: Flask, authenticate: Authenticate, find_operator: FindOperator) -> None:
    """Set the app up. `authenticate` returns the caller of a bearer token."""
    errors.init_app(app)
    request_log.init_app(app)
    cors.init_app(app)
    access.init_app(app, authenticate, find_operator)
    rate_limits.init_app(app)
    error_handlers.init_app(app)
    app.register_blueprint(hello.bp)
    app.register_blueprint(health.bp)
    if not settings().production:
        openapi.init_app(app)
    if settings().sandbox:
        app.register_blueprint(sandbox.bp)
    if hops := settings().trusted_proxies:  # the outermost middleware, so registered last
        header = settings().client_address_header
        app.wsgi_app = ProxyHeaders(app.wsgi_app, hops, header)  # type: ignore[method-assign]
