"""An account and all that may be called with it: what a fault refuses, and what it leaves alone."""

import threading
import time
from pathlib import Path

from tests.faults.load import WITHIN
from tests.service import at_once, is_error


class Account:
    """Somebody who has logged in and used the token, so that nothing of it is left to write."""

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


def are_503(*calls):
    """Check that these calls, made all at once, are refused: soon, and not for good."""
    started = time.monotonic()
    answers = at_once(*calls)
    assert time.monotonic() - started < WITHIN
    assert [a.text for a in answers if not is_error(a, 503, "service_unavailable")] == []


def are_well(*calls):
    assert [answer.text for call in calls if not (answer := call()).ok] == []


def is_well_again(account):
    """Check that all is as before, once a read and a write had the chance to find it out."""
    profile, _erasure, *logins, logout = account.writes
    account.reads[0]()
    are_well(*account.reads * 3, account.readyz)
    assert account.phone.get("/api/me").json()["data"]["nickname"] == "before"
    assert len(account.phone.get("/api/auth/sessions").json()["data"]["sessions"]) == 1
    profile()
    are_well(profile, *logins, logout)


def slowest_hello_beside(account, calls, threads=24):
    """Return how long hello took at most, while so many threads make such calls once."""
    waiting = [threading.Thread(target=calls[i % len(calls)]) for i in range(threads)]
    for thread in waiting:
        thread.start()
    took = [0.0]
    while any(thread.is_alive() for thread in waiting):
        started = time.monotonic()
        assert account.service.call("GET", "/api/hello").status_code == 200
        took.append(time.monotonic() - started)
    return max(took)


def file_of(service):
    return Path(service.settings["database_url"].removeprefix("sqlite:///"))
