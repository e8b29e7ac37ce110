"""Steady load on a service while something goes wrong, and what became of it.

A scenario is a test that reads so:

    def test_mariadb_is_stopped_and_started(on_mariadb, server, load):
        with load(on_mariadb(), "MariaDB stopped for 2 s") as phones:
            server.stop()
            phones.go_on(2)
            server.start()
            phones.are_well_again()
        phones.kept_the_promise(refused={"service_unavailable"})

- `load(service, fault, **options)` begins when every route is well, and ends with the last
  thread; then all that was acknowledged is looked up at the service and in its database.
  `fault` is the first column of the table at the end of the run. Options: those of `Load`.
- `phones.go_on(seconds)` lets the load run on under the fault.
- `phones.are_well_again()` belongs to the moment in which what was away is back. It waits until
  every route is well, and takes the seconds from there to the last answer that was not; of
  several such moments in a scenario the longest counts.
- `phones.kept_the_promise(refused=…, failed=…)` asserts what is promised of every fault. `refused`
  are the errors, by name, that this fault may be answered with; `failed` the other ways in which
  a request may fail, such as `NO_ANSWER`. Neither may happen unless it is named.
- `phones.only_refused(*routes)` asserts that some calls of these routes were, and of no other.
- `phones.calls`, `.lost`, `.refused`, `.failed`, `.recovery`, `.slowest()` tell more.

`load` is a fixture of `conftest.py`; the services are there too. The load is bounded: some 90
requests a second from eight threads, none of which catches up on what it could not send.
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
from tests.faults.ledger import State
from tests.faults.line import WELL, Connect, Line
from tests.faults.people import BAN, HELLO, LOGIN, ME, ROUTES, Call, People
from tests.servers import HOST
from tests.service import KEY, Service, wait_for

WITHIN = 3.0  # s
BESIDES_WECHAT = 1.0  # s that a login may take beyond its time for WeChat
RECOVERY = 5.0  # s
IN_A_ROW = 3  # good answers make a route well
GIVE_UP = 10.0  # s after which a phone waits no longer


class Load:
    """People who use a service while the block runs."""

    def __init__(
        self,
        service: Service,
        fault: str,
        *,
        residents: int = 2,  # threads of people who log in once, and read
        visitors: int = 4,  # threads of people who log in, look around and leave
        slowly: float = 1,  # by which factor these pause for longer, so that more can wait at once
        fresh: bool = True,  # whether the probe opens a connection for each call
        connect: Connect | None = None,  # opens a connection, where not straight to the service
        database_url: str | Callable[[], str] = "",  # by which the tests know it; asked at the end
        operator: bool = True,  # who bans; needs the database from the beginning
    ) -> None:
        self.fault = fault
        self.recovery: float | None = None
        self._connect = connect or (
            lambda: http.client.HTTPConnection(HOST, service.port, timeout=GIVE_UP)
        )
        self._database_url = database_url or str(service.settings["database_url"])
        self._people = People(
            self._connect,
            str(self._database_url),
            service.folder,
            residents=residents,
            visitors=visitors,
            slowly=slowly,
            fresh=fresh,
            operator=operator,
        )
        wechat = float(service.settings.get("wechat_timeout", Settings.wechat_timeout))
        self._bounds = dict.fromkeys(ROUTES, WITHIN) | {LOGIN: max(WITHIN, wechat + BESIDES_WECHAT)}
        self._routes = [route for route in ROUTES if operator or route != BAN]
        self._started = self._ended = 0.0
        self._usual = 0.0  # s that a call takes on this machine, busy as it is, without the fault

    # ---- for scenarios ----

    def go_on(self, seconds: float) -> None:
        """Let the load run on."""
        time.sleep(seconds)

    def are_well_again(self) -> None:
        """Wait until every route is well; what was away has come back just now."""
        back = time.monotonic()
        wait_for(lambda: self._is_well(since=back), seconds=20)
        bad = [call.ended for call in self.calls if call.ended > back and call.outcome != WELL]
        self.recovery = max(self.recovery or 0.0, max(bad, default=back) - back)

    def kept_the_promise(
        self, *, refused: Collection[str] = (), failed: Collection[str] = ()
    ) -> None:
        """Assert that nothing is lost, that all was answered soon, and is well by itself again."""
        assert self.lost == []
        allowed = {WELL, *refused, *failed}
        without_need = {WELL, *failed}  # what needs nothing is never refused
        for call in self.calls:
            assert call.outcome in (without_need if call.route == HELLO else allowed), call
            assert call.seconds <= self._bounds[call.route] + self._usual, call
        assert self.recovery is not None, "nobody told the moment in which all was back"
        assert self.recovery < RECOVERY

    def compare(self, database_url: str) -> None:
        """Hold what was acknowledged against one more database that is to have it."""
        self._people.ledger.compare(database_url, KEY)

    def only_refused(self, *routes: str) -> None:
        """Assert that the fault was felt on these routes, and on no other."""
        felt = {call.route for call in self.calls if call.outcome != WELL}
        assert felt, "nobody noticed, so nothing is shown"
        assert felt <= set(routes)

    @property
    def calls(self) -> list[Call]:
        return self._people.calls[:]

    @property
    def lost(self) -> list[str]:
        """What was acknowledged and is not there, or not any more."""
        return self._people.ledger.lost

    @property
    def refused(self) -> Counter[str]:
        """How many requests were refused with which error."""
        return Counter(call.outcome for call in self.calls if call.outcome in REGISTRY)

    @property
    def failed(self) -> Counter[str]:
        """How many requests failed in another way, and in which."""
        return Counter(c.outcome for c in self.calls if c.outcome not in {WELL, *REGISTRY})

    def slowest(self, *routes: str) -> float:
        """Return the seconds of the slowest call of these routes, or of all."""
        chosen = routes or ROUTES
        return max((call.seconds for call in self.calls if call.route in chosen), default=0.0)

    def row(self) -> dict[str, Any]:
        """Return what the table tells of this scenario."""
        return {
            "fault": self.fault,
            "load": round(len(self.calls) / (self._ended - self._started)),
            "sent": len(self.calls),
            "well": sum(call.outcome == WELL for call in self.calls),
            "refused": dict(self.refused),
            "failed": dict(self.failed),
            "slowest": self.slowest(),
            "acknowledged": sum(self._people.ledger.acknowledged.values()),
            "lost": len(self.lost),
            "recovery": self.recovery,
        }

    # ---- its beginning and its end ----

    def __enter__(self) -> Load:
        self._started = time.monotonic()
        self._people.start()
        try:
            wait_for(lambda: self._is_well(since=self._started), seconds=30)
        except BaseException:
            self._stop()
            raise
        self._usual = self.slowest()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        self._stop()
        if kind is None:
            self._look_up()

    def _stop(self) -> None:
        self._people.stop()
        self._ended = time.monotonic()
        if self._people.broken:
            raise self._people.broken[0]

    def _is_well(self, since: float) -> bool:
        if self._people.broken:
            raise self._people.broken[0]
        calls = [call for call in self.calls if call.started > since]
        last = [
            [c.outcome for c in calls if c.route == route][-IN_A_ROW:] for route in self._routes
        ]
        return all(outcomes == [WELL] * IN_A_ROW for outcomes in last)

    def _look_up(self) -> None:
        """Ask the service about every token and every ban, and then its database."""
        ledger = self._people.ledger
        with closing(Line(self._connect)) as line:
            for login in ledger.logins:
                answer = line.ask(ME, token=login.token)
                if ledger.hear(login, answer.outcome) != WELL:
                    ledger.lose(login, str(answer))
            for login in ledger.banned():
                answer = line.ask(LOGIN, {"code": f"{login.name}.again"})
                if answer.outcome != State.BANNED.answer:
                    ledger.lose(login, f"told at a login: {answer}")
        url = self._database_url
        self.compare(url() if callable(url) else url)
