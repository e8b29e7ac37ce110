"""The machine's clock is wrong and is corrected, as by NTP or by hand.

Only the service's processes have this clock; it can be moved while they run.
"""

import shutil
import struct
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.faults.load import MAX_RECOVERY
from tests.requirements import need
from tests.service import Load, is_error, wait_for

AN_HOUR = timedelta(hours=1)


class Clock:
    """The clock of all processes with this environment; see `clock.c`."""

    @classmethod
    def available(cls):
        if sys.version_info < (3, 11):
            return "Python 3.10 uses this clock for locks and would wait for days"
        return None if shutil.which("cc") else "cc not found: apt install gcc"

    def __init__(self, folder):
        self._file, library = folder / "clock", folder / "clock.so"
        self.set(0)
        source = Path(__file__).with_name("clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.environ = {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self._file)}

    def set(self, days):
        """Set the clock wrong by this number of days."""
        seconds = struct.pack("q", round(days * 86400))
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(seconds)

    def put(self, service, days):
        """Set the clock of a running service and check that it applies."""
        self.set(days)
        text = service.call("GET", "/api/hello").json()["time"].replace("Z", "+00:00")
        wrong_by = datetime.fromisoformat(text) - datetime.now(timezone.utc)
        assert abs(wrong_by - timedelta(days=days)) < AN_HOUR


@pytest.fixture
def clock(tmp_path):
    need(Clock)
    return Clock(tmp_path)


def test_clock_wrong_by_a_day_is_corrected(on_sqlite, clock, load):
    """In both directions without effect, because sessions live longer."""
    service = on_sqlite(environ=clock.environ)
    workers = service.workers()
    with load(service, "the clock a day ahead, and a day behind") as phones:
        for days in (1, 0, -1, 0):
            clock.put(service, days)
            phones.run_for(1.5)
        phones.wait_until_recovered()
    phones.assert_promise_kept()
    assert service.workers() == workers
    assert errors(service) == []


def test_clock_beyond_all_sessions_is_corrected(on_sqlite, clock):
    """Sessions have ended by that clock, and nothing else changes; ended and banned stay so."""
    service = on_sqlite(environ=clock.environ)
    workers = service.workers()
    live, ended, banned = [service.sign_in(name) for name in ("live", "ended", "banned")]
    assert live.get("/api/me").ok
    assert ended.post("/api/auth/logout").ok
    assert service.flask("users", "ban", banned.user["id"]).returncode == 0

    def assert_logged_out(*phones):
        for phone in phones:
            assert is_error(phone.get("/api/me"), 401, "session_ended")
        assert is_error(banned.get("/api/me"), 403, "user_banned")
        assert is_error(service.login("banned"), 403, "user_banned")

    with Load(service) as others:
        clock.put(service, 31)
        assert_logged_out(live, ended)
        later = service.sign_in("live")
        assert later.get("/api/me").ok
        clock.put(service, 0)
        assert_logged_out(ended)
        for phone in (live, later, service.sign_in("live")):
            assert phone.get("/api/me").ok
    assert (set(others.answered), others.failed) == ({200}, [])
    assert service.workers() == workers
    assert errors(service) == []


def test_rate_limit_ends_after_the_clock_is_corrected(serve, clock):
    service = serve(environ=clock.environ, rate_limit_login="3/2second")
    clock.put(service, 1)
    wait_for(lambda: is_error(service.login(), 429, "rate_limited"))
    clock.put(service, 0)
    wait_for(lambda: service.login().ok, seconds=MAX_RECOVERY)


def test_session_key_from_wrong_time_is_replaced_at_login(serve, clock, wechat):
    service = serve(environ=clock.environ)
    clock.put(service, 1)
    service.sign_in("alice")
    clock.put(service, 0)
    phone = service.sign_in("alice")
    assert phone.post("/api/me/decrypt", json=wechat.sandbox.encrypt("alice", {"phone": "1"})).ok


def errors(service):
    return [line for line in service.events() if line["level"] in {"error", "critical"}]
