"""A request that stops the loop is named in the log."""

import time
from contextlib import suppress

import requests

from tests.service import wait_for


def blocks(service):
    return [(line["method"], line["route"]) for line in service.events("loop_blocked")]


def test_a_request_that_stops_the_loop_is_named_once(odd):
    service = odd()
    service.call("GET", "/block/1.2")
    wait_for(lambda: blocks(service))
    time.sleep(0.5)
    assert blocks(service) == [("GET", "/block/<seconds>")]
    assert service.events("loop_blocked")[0]["level"] == "warning"
    service.call("GET", "/block/1.2")
    wait_for(lambda: len(blocks(service)) == 2)


def test_it_is_told_while_it_lasts(odd):
    """A request without an end would get its worker killed, and nobody would know which it was."""
    service = odd(environ={"GUNICORN_CMD_ARGS": "--timeout 3"})
    with suppress(requests.ConnectionError):
        service.call("GET", "/block/30")
    assert blocks(service) == [("GET", "/block/<seconds>")]


def test_neither_waiting_nor_being_idle_nor_a_short_block_is_told(odd):
    service = odd()
    service.call("GET", "/sleep/1")
    service.call("GET", "/block/0.1")
    service.call("GET", "/off-loop/1")
    time.sleep(1)
    assert blocks(service) == []
