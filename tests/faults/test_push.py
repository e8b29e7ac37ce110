"""A storm of pushes, with duplicates, while workers and the database are killed."""

import json
import os
import secrets
import signal
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import sqlalchemy

from myapi.settings import SANDBOX_APPID
from myapi.wechat.push import PushKeys, seal_push
from myapi.wechat.sandbox import pushes
from tests.faults.report import PROPERTY
from tests.service import wait_for

KEYS = PushKeys(SANDBOX_APPID, pushes.TOKEN, pushes.AES_KEY)
SENDERS = 8
TRIES = 3  # WeChat sends a push that is not acknowledged again, three times in all
KILL_EVERY = 1.0  # s

# The service with a handler that writes down which event it was called with.
RECORDING_APP = """
import os

from myapi.push import handlers
from wsgi import app

def record(event):
    file = os.open(os.environ["HANDLED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{event['number']}\\n".encode())
    os.close(file)

handlers.register(app, "counted", record)
"""


class Storm:
    """Sends events, some of them twice, and remembers which were acknowledged."""

    def __init__(self, service, events):
        self.service = service
        self.numbers = iter(range(events))
        self.lock = threading.Lock()
        self.sent = self.duplicates = self.again = 0
        self.acknowledged, self.times = set(), []

    def run(self):
        with ThreadPoolExecutor(SENDERS) as pool:
            for done in [pool.submit(self._send_all) for _ in range(SENDERS)]:
                done.result()

    def _send_all(self):
        with requests.Session() as session:
            while (number := self._next()) is not None:
                text = json.dumps({"Event": "counted", "FromUserName": "o", "number": number})
                twice = number % 10 == 0
                for _ in range(1 + twice):
                    if self._push(session, text.encode()):
                        self.acknowledged.add(number)
                self.duplicates += twice

    def _next(self):
        with self.lock:
            return next(self.numbers, None)

    def _push(self, session, text):
        for attempt in range(TRIES):
            query, body = seal_push(KEYS, text)
            started = time.monotonic()
            with self.lock:
                self.sent += 1
                self.again += attempt > 0
            try:
                answer = session.post(
                    f"{self.service.url}/wechat/push", params=query, data=body, timeout=5
                )
            except requests.RequestException:
                time.sleep(0.5)
                continue
            self.times.append(time.monotonic() - started)
            if answer.text == "success":
                return True
            assert answer.status_code == 503, answer.text
            time.sleep(0.5)
        return False


@pytest.fixture
def recording(serve, tmp_path):
    """Start the service with two workers; return it and what its handler was called with."""
    (tmp_path / "recording.py").write_text(RECORDING_APP)
    environ = {"PYTHONPATH": str(tmp_path), "HANDLED": str(tmp_path / "handled")}

    def start(**options):
        service = serve(
            app="recording:app", environ={**environ, "FLASK_APP": "recording:app"}, **options
        )
        return service, lambda: Counter((tmp_path / "handled").read_text().split())

    return start


def handle_the_rest(service):
    """Let the claims of killed processes end, as five minutes would, and handle what is left."""
    engine = sqlalchemy.create_engine(service.settings["database_url"])
    try:
        for _ in range(10):
            with engine.begin() as connection:
                connection.execute(
                    sqlalchemy.text(
                        "UPDATE myapi_events SET next_at = created_at WHERE state = 'waiting'"
                    )
                )
            done = service.flask("events", "run")
            assert done.returncode == 0, done.stderr
            with engine.connect() as connection:
                rows = connection.execute(
                    sqlalchemy.text("SELECT state, count(*) FROM myapi_events GROUP BY state")
                ).all()
            if {state for state, _ in rows} == {"done"}:
                return sum(count for _, count in rows)
    finally:
        engine.dispose()
    raise AssertionError(f"events are left: {rows}")


EVENTS = [400, pytest.param(10_000, marks=pytest.mark.faults_long)]


@pytest.mark.parametrize("events", EVENTS)
def test_no_event_is_lost_while_workers_are_killed(recording, events, request):
    service, handled = recording(workers=2)
    storm = Storm(service, events)
    killing = Killing(service)
    with killing:
        storm.run()
    check(
        storm, service, handled, request, "workers killed (-9) every second, sqlite", killing.kills
    )


@pytest.mark.parametrize("events", EVENTS)
def test_no_event_is_lost_while_the_database_is_killed(
    recording, server, server_url, events, request
):
    service, handled = recording(workers=2, database_url=server_url)
    storm = Storm(service, events)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(storm.run)
        for _ in range(2):
            enough = len(storm.acknowledged) + 20
            wait_for(lambda enough=enough: len(storm.acknowledged) > enough)
            server.kill()
            server.start()
        running.result()
    interrupted = 2 * len(service.workers())  # each worker may be handling an event
    check(storm, service, handled, request, "MariaDB killed (-9) twice", interrupted)


class Killing:
    """Kill a worker every second while the block runs."""

    def __init__(self, service):
        self.service, self.stop, self.kills = service, threading.Event(), 0
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_exc):
        self.stop.set()
        self.thread.join()

    def run(self):
        while not self.stop.wait(KILL_EVERY):
            if workers := list(self.service.workers()):
                os.kill(secrets.choice(workers), signal.SIGKILL)
                self.kills += 1


def check(storm, service, handled, request, fault, interrupted):
    """No acknowledged event is lost, and none was handled twice but for an interruption."""
    wait_for(service.ready, seconds=30)
    stored = handle_the_rest(service)
    calls = handled()
    lost = storm.acknowledged - {int(number) for number in calls}
    twice = sum(count > 1 for count in calls.values())
    p99 = statistics.quantiles(storm.times, n=100)[98]
    figures = {
        "sent": storm.sent,
        "duplicates": storm.duplicates,
        "sent again": storm.again,
        "acknowledged": len(storm.acknowledged),
        "stored": stored,
        "handled": len(calls),
        "twice": twice,
        "lost": len(lost),
        "p99 of an answer in s": round(p99, 3),
    }
    print(fault, figures)  # noqa: T201
    row = {
        "fault": f"a storm of pushes; {fault}",
        "sent": storm.sent,
        "ok": len(storm.acknowledged),
        "refused": {},
        "failed": {},
        "slowest": max(storm.times),
        "acknowledged": len(storm.acknowledged),
        "lost": len(lost),
        "recovery": None,
        "load": round(len(storm.times) / sum(storm.times) * SENDERS),
    }
    request.node.user_properties.append((PROPERTY, row))
    assert lost == set()
    assert len(calls) == stored, "each event that is stored is handled"
    assert twice <= interrupted, "only those under way when they were interrupted"
