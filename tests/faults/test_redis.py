"""Redis, where the limits are counted, is away: they are counted in memory, and nothing is dear."""

from contextlib import contextmanager

import pytest
import redis

from tests.servers import HOST, BlackHole
from tests.service import wait_for

OF_REDIS = 500  # ms that a Redis which is away may cost a request


# ---- under load ----


def test_redis_is_stopped_and_started(on_sqlite, redis_server, load):
    """Nobody notices."""
    service = on_sqlite(rate_limit_storage_url=redis_server.url)
    with load(service, "Redis stopped for 2 s") as phones:
        redis_server.stop()
        phones.go_on(2)
        redis_server.start()
        phones.are_well_again()
    phones.kept_the_promise()


def test_redis_becomes_a_black_hole(on_sqlite, redis_server, load):
    """It holds its connections and says nothing. Nobody notices."""
    service = on_sqlite(rate_limit_storage_url=redis_server.url)
    with load(service, "Redis frozen for 3 s") as phones:
        redis_server.freeze()
        phones.go_on(3)
        redis_server.thaw()
        phones.are_well_again()
    phones.kept_the_promise()


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


def counts_on_without_redis(service, limit):
    """Check that no login is dear or fails because of Redis, and that the limit holds."""
    seen = len(service.events("request"))
    answers = [service.login(f"name{n}") for n in range(limit + 2)]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert sum(answer.status_code == 200 for answer in answers) <= limit + 1
    assert max(line["ms"] for line in service.events("request")[seen:]) < OF_REDIS


@pytest.mark.parametrize("away", [stopped, frozen])
def test_redis_away_costs_little_and_is_used_again_when_it_is_back(serve, redis_server, away):
    service = serve(
        rate_limit_login="5",
        rate_limit_user="5",
        rate_limit_login_failed="1000",
        rate_limit_storage_url=redis_server.url,
    )
    phone = service.sign_in()
    assert _keys(redis_server)
    with away(redis_server):
        counts_on_without_redis(service, limit=5)
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
        counts_on_without_redis(service, limit=5)


def _keys(server):
    with redis.Redis.from_url(server.url, socket_timeout=5) as client:
        return client.keys("*")
