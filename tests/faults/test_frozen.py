"""Function Compute freezes the whole instance between requests, while its connections are lost.

Frozen for 60 s by the monotonic clock, in `make faults`. In the other tests the instance is frozen
for a moment, and its wall clock alone says that it was a minute: a machine that was frozen as a
whole has a monotonic clock that stood still.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.faults.client import OK, Client
from tests.faults.instance import CREDENTIALS, Instance
from tests.faults.people import LOGIN, ME
from tests.faults.relay import Relay
from tests.faults.report import PROPERTY
from tests.faults.test_clock import Clock
from tests.requirements import need
from tests.service import wait_for

PROFILE = "PUT /api/me"
MINUTE = 60  # s
CLIENTS = 20


@pytest.fixture
def relays(server, server_url, redis_server, wechat):
    """Stand between the instance and MariaDB, Redis and WeChat."""
    with ExitStack() as stack:
        ports = {
            "database": server.port,
            "redis": redis_server.port,
            "wechat": int(wechat.url.rpartition(":")[2]),
        }
        yield {name: stack.enter_context(Relay(port)) for name, port in ports.items()}


@pytest.fixture
def start(relays, server, server_url, redis_server, wechat):
    need(Instance)
    with ExitStack() as stack:

        def start(**options):
            def through(name, url, port):
                return url.replace(f":{port}", f":{relays[name].port}")

            instance = Instance(
                database_url=through("database", server_url, server.port),
                rate_limit_storage_url=through("redis", redis_server.url, redis_server.port),
                wechat_base_url=through("wechat", wechat.url, wechat.url.rpartition(":")[2]),
                secret_keys="a-key-of-the-served-tests-0123456789",
                wechat_appid="wx-service",
                wechat_secret="its-own-secret",
                **options,
            )
            return stack.enter_context(instance)

        yield start


class Phones:
    """Users whose requests come over connections that are kept."""

    def __init__(self, instance):
        self._clients = [Client(instance.connect) for _ in range(CLIENTS)]
        self._tokens = [""] * CLIENTS
        self.calls = []  # the outcome and seconds of each

    def log_in(self, number=0):
        answer = self._call(number, LOGIN, {"code": f"user{number}"})
        self._tokens[number] = answer.data["token"] if answer.outcome == OK else ""
        return answer.outcome

    def burst(self):
        """Log in all at once, and read and write."""
        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(self._session, range(CLIENTS)))

    def close(self):
        for client in self._clients:
            client.close()

    def _session(self, number):
        self.log_in(number)
        self._call(number, ME)
        self._call(number, PROFILE, {"nickname": f"user {number}"})

    def _call(self, number, route, body=None):
        started = time.monotonic()
        answer = self._clients[number].call(route, body, self._tokens[number])
        self.calls.append((route, answer.outcome, time.monotonic() - started))
        return answer


@pytest.mark.parametrize("lost", [Relay.reset, Relay.swallow], ids=["died", "swallowed"])
@pytest.mark.parametrize(
    "clock_alone", [True, pytest.param(False, marks=pytest.mark.faults_long)], ids=["clock", "60s"]
)
def test_all_requests_after_a_thaw_succeed(start, relays, tmp_path, request, lost, clock_alone):
    """The first one, and a burst; nobody is killed, and Redis counts the limits at once."""
    clock = None
    if clock_alone:
        need(Clock)
        clock = Clock(tmp_path)
    instance = start(environ=clock.environ if clock else {})
    processes = {instance.pid, *instance.workers()}
    phones = Phones(instance)
    phones.burst()
    before = len(phones.calls)
    assert {outcome for _, outcome, _ in phones.calls} == {OK}, phones.calls

    instance.freeze()
    wait_for(lambda: all(stopped(process) for process in processes))
    lost_connections = {name: lost(relay) for name, relay in relays.items()}
    assert all(lost_connections.values()), lost_connections
    if clock:
        clock.set(MINUTE / 86400)
    else:
        time.sleep(MINUTE)
    logged = len(instance.log())
    instance.thaw()
    phones.log_in()
    # In a burst, a busy machine may keep Redis waiting for longer than a limit waits for it.
    assert "falling back to in-memory" not in instance.log()[logged:]
    phones.burst()
    phones.close()

    (_, first, seconds), *_ = after = phones.calls[before:]
    outcomes = [outcome for _, outcome, _ in after]
    row = {
        "fault": f"frozen for 60 s{' by the clock' * clock_alone}, its connections"
        f" {request.node.callspec.id.partition('-')[2]}; first answer after {seconds:.2f} s",
        "load": "-",
        "sent": len(after),
        "ok": outcomes.count(OK),
        "refused": dict(Counter(outcome for outcome in outcomes if outcome != OK)),
        "failed": {},
        "slowest": max(seconds for *_, seconds in after),
        "acknowledged": 0,
        "lost": 0,
        "recovery": seconds,
    }
    request.node.user_properties.append((PROPERTY, row))
    assert first == OK, after[0]
    assert set(outcomes) == {OK}, [call for call in after if call[1] != OK]
    assert {instance.pid, *instance.workers()} == processes
    assert [each for each in CREDENTIALS.values() if each in instance.log()] == []
    assert {event["ip"] for event in instance.events("request")} >= {"203.0.113.9"}


def stopped(process):
    with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] == "T"
