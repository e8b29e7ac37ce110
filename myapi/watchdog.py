"""Warns of a request that kept a gevent worker from serving any other.

Blocking calls switch to other requests in a gevent worker; a long computation, or a wait in a C
library, does not. Such work belongs in `off_loop`.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent import events

from myapi.observability import route_of

log = logging.getLogger(__name__)

CHECK = 0.1  # s between two looks; gevent reports a block at each look that saw no switch
LOOKS = 3  # in a row make one block, which then has lasted for more than 0.2 s

App = Callable[..., Iterable[bytes]]


def start(app: App) -> App:
    """Watch the loop of this process; return `app`, wrapped so that its requests are known."""
    requests: dict[Any, dict[str, Any]] = {}  # the WSGI environ by greenlet

    def watched(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
        greenlet = gevent.getcurrent()
        requests[greenlet] = environ
        try:
            return app(environ, start_response)
        finally:
            del requests[greenlet]

    gevent.config.max_blocking_time = CHECK
    gevent.config.print_blocking_reports = False
    events.subscribers.append(Watchdog(requests))
    gevent.get_hub().start_periodic_monitoring_thread()
    return watched


class Watchdog:
    """Is called in gevent's monitoring thread, which is a real one, while the loop is blocked."""

    def __init__(self, requests: dict[Any, dict[str, Any]]) -> None:
        self._requests = requests
        self._greenlet: object = None
        self._looks = 0
        self._last = 0.0

    def __call__(self, event: object) -> None:
        if not isinstance(event, events.EventLoopBlocked):
            return
        now = time.monotonic()
        goes_on = event.greenlet is self._greenlet and now - self._last < 1.5 * CHECK
        self._looks = self._looks + 1 if goes_on else 1
        self._greenlet, self._last = event.greenlet, now
        if self._looks == LOOKS:
            environ = self._requests.get(event.greenlet, {})
            method, route = environ.get("REQUEST_METHOD", "-"), route_of(environ)
            log.warning(
                "%s %s has kept all other requests waiting for more than %d ms; see off_loop",
                method,
                route,
                1000 * CHECK * (LOOKS - 1),
                extra={"event": "loop_blocked", "method": method, "route": route},
            )
