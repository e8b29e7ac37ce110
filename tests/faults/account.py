"""An account with its read and write requests, and assertions on their answers during a fault."""

import threading
import time
from pathlib import Path

from tests.faults.load import MAX_LATENCY
from tests.service import at_once, is_error


class Account:
    """A user who has logged in and used the token, so that reads have no last use to record."""

    def __init__(self, service, wechat):
        self.service = service
        self.phone = service.sign_in("alice")
        assert self.phone.get("/api/me").status_code == 200
        assert self.phone.put("/api/me", json={"nickname": "before"}).status_code == 200
        self.encrypted = wechat.sandbox.encrypt("alice", {"phone": "1"})

    @property
    def reads(self):
        phone = self.phone
        return [
            lambda: phone.get("/api/me"),
            lambda: phone.get("/api/auth/sessions"),
            lambda: phone.post("/api/me/decrypt", json=self.encrypted),
        ]

    @property
    def writes(self):
        phone = self.phone
        return [
            lambda: phone.put("/api/me", json={"nickname": "after"}),
            lambda: phone.delete("/api/me"),
            lambda: self.service.login("alice"),
            lambda: self.service.login("somebody"),
            lambda: phone.post("/api/auth/logout"),
        ]

    def readyz(self):
        return self.service.call("GET", "/readyz")


def assert_503(*calls):
    """Assert that these simultaneous requests are refused with 503, quickly."""
    started = time.monotonic()
    answers = at_once(*calls)
    assert time.monotonic() - started < MAX_LATENCY
    assert [a.text for a in answers if not is_error(a, 503, "service_unavailable")] == []


def assert_ok(*calls):
    assert [answer.text for call in calls if not (answer := call()).ok] == []


def assert_recovered(account):
    """Assert that all requests succeed again; one read and one write may fail first."""
    profile, _erasure, *logins, logout = account.writes
    account.reads[0]()
    assert_ok(*account.reads * 3, account.readyz)
    assert account.phone.get("/api/me").json()["data"]["nickname"] == "before"
    assert len(account.phone.get("/api/auth/sessions").json()["data"]["sessions"]) == 1
    profile()
    assert_ok(profile, *logins, logout)


def slowest_hello_during(account, calls, threads=24):
    """Return the longest latency of /api/hello while each thread makes one of the calls."""
    running = [threading.Thread(target=calls[i % len(calls)]) for i in range(threads)]
    for thread in running:
        thread.start()
    latencies = [0.0]
    while any(thread.is_alive() for thread in running):
        started = time.monotonic()
        assert account.service.call("GET", "/api/hello").status_code == 200
        latencies.append(time.monotonic() - started)
    return max(latencies)


def database_file(service):
    return Path(service.settings["database_url"].removeprefix("sqlite:///"))
