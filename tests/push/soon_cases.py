"""What a gevent worker does with events beside its requests: test_soon runs this in one."""

import itertools
import json
import threading
import time
from datetime import timedelta

import pytest

from myapi.push import handlers, handling, inbox
from myapi.soon import Soon
from myapi.wechat.push import Push
from tests.service import wait_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

EVENTS = 5


@pytest.fixture
def handle(app):
    """Store events, and have them handled by a handler: `handle(called)`."""

    def handle(handler):
        app.extensions["event_handlers"]["odd"] = [handler]
        with app.app_context():
            for number in range(EVENTS):
                event = {"Event": "odd", "number": number}
                assert inbox.store(Push(json.dumps(event).encode(), event))
        next_one = lambda: any(handling.handle_due(handlers.handle, limit=1))  # noqa: E731
        Soon(app, "events", next_one).ask()  # that of the tests has no thread

    return handle


def test_requests_go_between_two_events(handle):
    seen, ended = [], threading.Event()

    def request():
        while not ended.is_set():
            seen.append("request")
            time.sleep(0)

    threading.Thread(target=request).start()
    handle(lambda event: seen.append("event"))
    wait_for(lambda: seen.count("event") == EVENTS)
    ended.set()
    assert ("event", "event") not in set(itertools.pairwise(seen))


def test_request_that_took_an_event_is_answered_before_it_is_handled(handle):
    seen = []
    handle(lambda event: seen.append(event))
    assert seen == []
    wait_for(lambda: len(seen) == EVENTS)


def test_handler_without_an_end_is_broken_off_and_those_behind_it_are_handled(
    handle, execute, monkeypatch
):
    monkeypatch.setattr(handling, "BROKEN_OFF", timedelta(seconds=0.1))
    handled = []

    def hang(event):
        if event["number"] == 0:
            time.sleep(60)
        handled.append(event["number"])

    handle(hang)
    wait_for(lambda: len(handled) == EVENTS - 1)
    wait_for(lambda: execute("SELECT last_error FROM myapi_events WHERE id = 1")[0][0])
    first = execute("SELECT state, last_error FROM myapi_events ORDER BY id")[0]
    assert tuple(first) == ("waiting", "TimeoutError")
