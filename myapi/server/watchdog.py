"""Warns of a request that kept a gevent worker from serving any other.

Whatever waits in Python lets other requests go on; a long computation, or a wait in a C library,
does not. Such work belongs in `off_loop`.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent import monkey
from greenlet import settrace

from myapi.web.request_log import route_of

log = logging.getLogger(__name__)

LOOK = 0.1  # s between two looks
LOOKS = 2  # in a row that saw the same request run, without a switch, are worth a warning

App = Callable[..., Iterable[bytes]]
Environ = dict[str, Any]


def start(app: App) -> App:
    """Watch the loop of this process; return `app` in a form whose requests are known."""
    environs: dict[object, Environ] = {}  # by greenlet

    def watched(environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
        greenlet = gevent.getcurrent()
        environs[greenlet] = environ
        try:
            return app(environ, start_response)
        finally:
            del environs[greenlet]

    watchdog = Watchdog(environs)
    settrace(watchdog.note_switch)
    # A real thread, and a real sleep: those that gevent has patched would stand still as well.
    monkey.get_original("_thread", "start_new_thread")(watchdog.watch, ())
    return watched


class Watchdog:
    def __init__(self, environs: dict[object, Environ]) -> None:
        self._environs = environs
        self._hub = gevent.get_hub()
        self._running: object = self._hub  # the hub itself runs while there is nothing to do
        self._switches = 0

    def note_switch(self, _event: str, greenlets: tuple[object, object]) -> None:
        self._running = greenlets[1]
        self._switches += 1

    def watch(self) -> None:
        sleep = monkey.get_original("time", "sleep")
        seen, looks = -1, 0
        while True:
            sleep(LOOK)
            running, switches = self._running, self._switches
            looks = looks + 1 if switches == seen and running is not self._hub else 0
            seen = switches
            if looks == LOOKS:
                self._warn(self._environs.get(running, {}))

    def _warn(self, environ: Environ) -> None:
        method, route = environ.get("REQUEST_METHOD", "-"), route_of(environ)
        log.warning(
            "%s %s has stopped the loop for more than %d ms; see off_loop",
            method,
            route,
            1000 * LOOK * LOOKS,
            extra={"event": "loop_blocked", "method": method, "route": route},
        )
