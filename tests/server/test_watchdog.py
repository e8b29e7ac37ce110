"""Tests of the watchdog, which logs requests that block the event loop."""

import time
from contextlib import suppress

import requests

from tests.service import wait_for


def blocked_routes(service):
    return [(line["method"], line["route"]) for line in service.events("loop_blocked")]


def test_blocking_request_is_logged_once(odd):
    service = odd()
    service.call("GET", "/block/1.2")
    wait_for(lambda: blocked_routes(service))
    time.sleep(0.5)
    assert blocked_routes(service) == [("GET", "/block/<seconds>")]
    assert service.events("loop_blocked")[0]["level"] == "warning"
    service.call("GET", "/block/1.2")
    wait_for(lambda: len(blocked_routes(service)) == 2)


def test_blocking_request_is_logged_while_it_blocks(odd):
    """Otherwise an endless request would get its worker killed without a trace in the log."""
    service = odd(environ={"GUNICORN_CMD_ARGS": "--timeout 3"})
    with suppress(requests.ConnectionError):
        service.call("GET", "/block/30")
    assert blocked_routes(service) == [("GET", "/block/<seconds>")]


def test_waiting_idling_and_short_blocks_are_not_logged(odd):
    service = odd()
    service.call("GET", "/sleep/1")
    service.call("GET", "/block/0.1")
    service.call("GET", "/off-loop/1")
    time.sleep(1)
    assert blocked_routes(service) == []
