"""Steady load on a service during a fault, and assertions on its outcome.

A scenario is a test like this:

    def test_mariadb_is_stopped_and_started(on_server, server, load):
        with load(on_server(), "MariaDB stopped for 2 s") as phones:
            server.stop()
            phones.run_for(2)
            server.start()
            phones.wait_until_recovered()
        phones.assert_promise_kept(refused={"service_unavailable"})

- `load(service, fault, **options)` enters the block when every route succeeds. At the end it stops
  all threads and looks up every acknowledged change in the service and in its database. `fault`
  is the first column of the table at the end of the run. The options are those of `Load`.
- `phones.run_for(seconds)` continues the load during the fault.
- `phones.wait_until_recovered()` is called at the moment the fault ends. It waits until every route
  succeeds and measures the time until the last failed request; of several recoveries in a
  scenario the longest counts.
- `phones.assert_promise_kept(refused=…, failed=…)` asserts the promise for every fault. `refused`
  are the names of the allowed errors, `failed` the other allowed failures, such as `NO_ANSWER`.
- `phones.assert_only_refused(*routes)` asserts that requests to these routes failed and no others.
- `phones.calls`, `.lost`, `.refused`, `.failed`, `.recovery`, `.slowest()` have the details.

`load` and the services are fixtures of `conftest.py`. The load is limited to about 90 requests per
second from eight threads, which do not catch up on delayed requests.
"""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import closing
from typing import Any

from myapi.settings import Settings
from myapi.web.errors import REGISTRY
from tests.faults.client import OK, Client, Connect
from tests.faults.ledger import State
from tests.faults.people import BAN, HELLO, LOGIN, ME, ROUTES, Call, People
from tests.servers import HOST
from tests.service import KEY, Service, wait_for

MAX_LATENCY = 3.0  # s
LOGIN_OVERHEAD = 1.0  # s that a login may take beyond the time-out for WeChat
MAX_RECOVERY = 5.0  # s
CONSECUTIVE_SUCCESSES = 3  # successes until a route counts as recovered
CLIENT_TIMEOUT = 10.0  # s, the client's time-out


class Load:
    """Simulated users of a service while the block runs."""

    def __init__(
        self,
        service: Service,
        fault: str,
        *,
        residents: int = 2,  # threads of users who log in once and read
        visitors: int = 4,  # threads of users who log in, read and leave
        pause_factor: float = 1,  # lengthens pauses, so that more threads make the same load
        new_connections: bool = True,  # whether the prober opens a connection per request
        connect: Connect | None = None,  # if not directly to the service
        database_url: str
        | Callable[[], str] = "",  # for the tests; a function is called at the end
        operator: bool = True,  # whether to ban users; needs database access throughout
    ) -> None:
        self.fault = fault
        self.recovery: float | None = None
        self._connect = connect or (
            lambda: http.client.HTTPConnection(HOST, service.port, timeout=CLIENT_TIMEOUT)
        )
        self._database_url = database_url or str(service.settings["database_url"])
        self._people = People(
            self._connect,
            str(self._database_url),
            service.folder,
            residents=residents,
            visitors=visitors,
            pause_factor=pause_factor,
            new_connections=new_connections,
            operator=operator,
        )
        wechat = float(service.settings.get("wechat_timeout", Settings.wechat_timeout))
        self._bounds = dict.fromkeys(ROUTES, MAX_LATENCY) | {
            LOGIN: max(MAX_LATENCY, wechat + LOGIN_OVERHEAD)
        }
        self._routes = [route for route in ROUTES if operator or route != BAN]
        self._started = self._ended = 0.0
        self._baseline = 0.0  # s, the slowest request before the fault on this machine

    # ---- for scenarios ----

    def run_for(self, seconds: float) -> None:
        """Continue the load for some seconds."""
        time.sleep(seconds)

    def wait_until_recovered(self) -> None:
        """Wait until every route succeeds; the fault has just ended."""
        ended = time.monotonic()
        wait_for(lambda: self._is_ok(since=ended), seconds=20)
        bad = [call.ended for call in self.calls if call.ended > ended and call.outcome != OK]
        self.recovery = max(self.recovery or 0.0, max(bad, default=ended) - ended)

    def assert_promise_kept(
        self, *, refused: Collection[str] = (), failed: Collection[str] = ()
    ) -> None:
        """Assert that nothing was lost, all answers came in time, and the service recovered."""
        assert not self.lost, "\n".join(self.lost)
        allowed = {OK, *refused, *failed}
        allowed_hello = {OK, *failed}  # hello depends on nothing and is never refused
        for call in self.calls:
            assert call.outcome in (allowed_hello if call.route == HELLO else allowed), call
            assert call.seconds <= self._bounds[call.route] + self._baseline, call
        assert self.recovery is not None, "the scenario never called wait_until_recovered()"
        assert self.recovery < MAX_RECOVERY

    def compare(self, database_url: str) -> None:
        """Compare the acknowledged changes with another database that must have them."""
        self._people.ledger.compare(database_url, KEY)

    def assert_only_refused(self, *routes: str) -> None:
        """Assert that requests to these routes failed, and to no others."""
        affected = {call.route for call in self.calls if call.outcome != OK}
        assert affected, "the fault had no effect, so the scenario shows nothing"
        assert affected <= set(routes)

    @property
    def calls(self) -> list[Call]:
        return self._people.calls[:]

    @property
    def lost(self) -> list[str]:
        """Acknowledged changes that do not hold."""
        return self._people.ledger.lost

    @property
    def refused(self) -> Counter[str]:
        """How many requests were refused, by error name."""
        return Counter(call.outcome for call in self.calls if call.outcome in REGISTRY)

    @property
    def failed(self) -> Counter[str]:
        """How many requests failed otherwise, by kind."""
        return Counter(c.outcome for c in self.calls if c.outcome not in {OK, *REGISTRY})

    def slowest(self, *routes: str) -> float:
        """Return the seconds of the slowest request to these routes, or to all."""
        chosen = routes or ROUTES
        return max((call.seconds for call in self.calls if call.route in chosen), default=0.0)

    def row(self) -> dict[str, Any]:
        """Return this scenario's row of the report table."""
        return {
            "fault": self.fault,
            "load": round(len(self.calls) / (self._ended - self._started)),
            "sent": len(self.calls),
            "ok": sum(call.outcome == OK for call in self.calls),
            "refused": dict(self.refused),
            "failed": dict(self.failed),
            "slowest": self.slowest(),
            "acknowledged": sum(self._people.ledger.acknowledged.values()),
            "lost": len(self.lost),
            "recovery": self.recovery,
        }

    # ---- start and end ----

    def __enter__(self) -> Load:
        self._started = time.monotonic()
        self._people.start()
        try:
            wait_for(lambda: self._is_ok(since=self._started), seconds=30)
        except BaseException:
            self._stop()
            raise
        self._baseline = self.slowest()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        self._stop()
        if kind is None:
            self._verify()

    def _stop(self) -> None:
        self._people.stop()
        self._ended = time.monotonic()
        if self._people.broken:
            raise self._people.broken[0]

    def _is_ok(self, since: float) -> bool:
        if self._people.broken:
            raise self._people.broken[0]
        calls = [call for call in self.calls if call.started > since]
        last = [
            [c.outcome for c in calls if c.route == route][-CONSECUTIVE_SUCCESSES:]
            for route in self._routes
        ]
        return all(outcomes == [OK] * CONSECUTIVE_SUCCESSES for outcomes in last)

    def _verify(self) -> None:
        """Check every token and every ban at the service and in its database."""
        ledger = self._people.ledger
        with closing(Client(self._connect)) as client:
            for login in ledger.logins:
                answer = client.call(ME, token=login.token)
                if ledger.record_answer(login, answer.outcome) != OK:
                    ledger.record_loss(login, str(answer))
            for login in ledger.banned():
                answer = client.call(LOGIN, {"code": f"{login.name}.again"})
                if answer.outcome != State.BANNED.answer:
                    ledger.record_loss(login, f"at a login: {answer}")
        url = self._database_url
        self.compare(url() if callable(url) else url)
