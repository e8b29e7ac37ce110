"""Outages of Redis: limits are counted in memory, and requests stay fast."""

from contextlib import contextmanager

import pytest
import redis

from tests.servers import HOST, BlackHole
from tests.service import wait_for

MAX_DELAY = 500  # ms that an unavailable Redis may add to a request


# ---- under load ----


def test_redis_is_stopped_and_started(on_sqlite, redis_server, load):
    """No request fails."""
    service = on_sqlite(rate_limit_storage_url=redis_server.url)
    with load(service, "Redis stopped for 2 s") as phones:
        redis_server.stop()
        phones.run_for(2)
        redis_server.start()
        phones.wait_until_recovered()
    phones.assert_promise_kept()


def test_redis_becomes_a_black_hole(on_sqlite, redis_server, load):
    """It keeps its connections open and sends nothing; no request fails."""
    service = on_sqlite(rate_limit_storage_url=redis_server.url)
    with load(service, "Redis frozen for 3 s") as phones:
        redis_server.freeze()
        phones.run_for(3)
        redis_server.thaw()
        phones.wait_until_recovered()
    phones.assert_promise_kept()


# ---- call by call ----


@contextmanager
def stopped(server):
    server.stop()
    yield
    server.start()


@contextmanager
def frozen(server):
    server.freeze()
    yield
    server.thaw()
    wait_for(server.ready)


def assert_limit_holds_without_redis(service, limit):
    """Assert that no login is slow or fails because of Redis, and that the limit holds."""
    seen = len(service.events("request"))
    answers = [service.login(f"name{n}") for n in range(limit + 2)]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert sum(answer.status_code == 200 for answer in answers) <= limit + 1
    assert max(line["ms"] for line in service.events("request")[seen:]) < MAX_DELAY


@pytest.mark.parametrize("away", [stopped, frozen])
def test_redis_outage_costs_little_and_redis_is_used_again(serve, redis_server, away):
    service = serve(
        rate_limit_login="5",
        rate_limit_user="5",
        rate_limit_login_failed="1000",
        rate_limit_storage_url=redis_server.url,
    )
    phone = service.sign_in()
    assert _keys(redis_server)
    with away(redis_server):
        assert_limit_holds_without_redis(service, limit=5)
        answers = [phone.put("/api/me", json={}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    with redis.Redis.from_url(redis_server.url, socket_timeout=5) as client:
        client.flushall()
    wait_for(lambda: service.login() and _keys(redis_server), seconds=20)


def test_redis_as_a_black_hole_costs_little(serve):
    with BlackHole() as hole:
        service = serve(
            rate_limit_login="5",
            rate_limit_login_failed="1000",
            rate_limit_storage_url=f"redis://{HOST}:{hole.port}/0",
        )
        assert_limit_holds_without_redis(service, limit=5)
        assert "falling back to in-memory" in service.log()


def _keys(server):
    with redis.Redis.from_url(server.url, socket_timeout=5) as client:
        return client.keys("*")
