"""How long a view may take: MYAPI_REQUEST_TIMEOUT, in a worker. Nginx waits a little longer."""

from collections.abc import Callable
from typing import Any

from flask import Flask

from myapi.concurrency import time_limited
from myapi.extensions import settings


def init_app(app: Flask) -> None:
    """Limit the views that the app has by now.

    The limit is around the view alone, so that Flask makes an ordinary error of it, and ends the
    request as any other.
    """
    for name, view in app.view_functions.items():
        limited: Callable[..., Any] = time_limited(
            app.ensure_sync(view), settings().request_timeout
        )
        app.view_functions[name] = limited
