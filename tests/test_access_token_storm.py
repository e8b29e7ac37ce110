"""Three processes with one access_token: a storm, a WeChat that refuses, a killed renewal."""

import functools
import itertools
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from myapi.settings import SANDBOX_APPID
from tests.fixtures import DATABASES
from tests.service import at_once, migrate, wait_for

TOKEN = "/cgi-bin/stable_token"
PHONE = "/wxa/business/getuserphonenumber"
PROCESSES = 3
CALLS = 200
WARM = 30  # calls after which all processes have the token
USERS = 20


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    """The URL of a migrated database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "served.db")
        yield f"sqlite:///{tmp_path}/served.db"
        return
    server = request.getfixturevalue(request.param)
    yield migrate(server.create_database("storm"), tmp_path)
    server.execute("DROP DATABASE storm")


@pytest.fixture
def service(serve, database):
    return serve(database_url=database, workers=PROCESSES, rate_limit_user="100000/minute")


@pytest.fixture
def storm(service):
    """Send so many requests at once, each with a code of its own; return the answers."""
    phones = [service.sign_in(f"user{number}") for number in range(USERS)]
    turns = itertools.count()

    def ask(phone):
        return phone.post("/api/me/phone", json={"code": f"code {next(turns)}"}, timeout=30)

    def send(calls=CALLS):
        return at_once(*[functools.partial(ask, phones[n % USERS]) for n in range(calls)])

    return send


def test_storm_with_an_expired_token_fetches_one(storm, service, wechat):
    wechat.sandbox.token_life = 1
    assert service.sign_in("early").post("/api/me/phone", json={"code": "early"}).ok
    time.sleep(1)
    wechat.sandbox.token_life = 7200
    wechat.latency = 0.2  # so that all others come while it is being fetched
    before = wechat.sandbox.calls()
    answers = storm()
    assert_answered(answers)
    asked = wechat.sandbox.calls() - before
    report("an expired token", answers, asked)
    assert asked[TOKEN] == 1


def test_storm_after_another_program_forced_a_renewal_fetches_one(storm, wechat):
    storm(WARM)
    wechat.sandbox.stable_token(SANDBOX_APPID, "secret", force_refresh=True)
    before = wechat.sandbox.calls()
    answers = storm()
    assert_answered(answers)
    asked = wechat.sandbox.calls() - before
    report("a token that another program ended", answers, asked)
    assert (asked[TOKEN], asked[f"{TOKEN} forced"]) == (1, 0)


def test_wechat_that_refuses_every_token_gets_a_named_answer_and_one_forced_renewal(storm, wechat):
    storm(WARM)
    wechat.sandbox.set_fault(40001, 10**6)
    before = wechat.sandbox.calls()
    answers = storm(CALLS // 2) + storm(CALLS // 2)
    errors = {answer.json()["error"] for answer in answers}
    assert "wechat_unavailable" in errors
    assert errors <= {"wechat_unavailable", "wechat_timeout", "service_unavailable"}
    asked = wechat.sandbox.calls() - before
    report("40001 for ever", answers, asked)
    assert asked[f"{TOKEN} forced"] == 1
    assert asked[TOKEN] < 20


def test_killed_renewal_is_taken_over(service, wechat):
    phone = service.sign_in("alice")
    wechat.latency = 10
    with ThreadPoolExecutor(1) as pool:
        broken_off = pool.submit(phone.post, "/api/me/phone", json={"code": "a"})
        wait_for(lambda: wechat.sandbox.calls()[TOKEN])
        for worker in service.workers():
            os.kill(worker, signal.SIGKILL)
        killed = time.monotonic()
        wechat.latency = 0  # not before: WeChat counts a call first, and then waits
        with pytest.raises(requests.ConnectionError):
            broken_off.result()
    turns = itertools.count()
    wait_for(lambda: is_answered(phone, f"code {next(turns)}"), seconds=30)
    print(f"a renewal killed: the next number after {time.monotonic() - killed:.1f} s")  # noqa: T201


def test_renewal_that_hangs_fails_no_call_while_the_old_token_lives(serve, wechat):
    wechat.sandbox.token_life = 200  # all processes want another one
    service = serve(workers=1)
    phone = service.sign_in("alice")
    assert service.flask("wechat", "call", PHONE, "--json", '{"code": "a"}').returncode == 0
    wechat.sandbox.set_fault("slow", 1)
    answer = phone.post("/api/me/phone", json={"code": "b"})
    assert answer.json()["data"]["phone"] == "138******00"
    assert wechat.sandbox.take_fault() is None, "the renewal was slow"


def test_crowd_asks_a_wechat_that_hangs_for_a_token_once_in_a_while(serve, wechat):
    service = serve(workers=PROCESSES, rate_limit_user="100000/minute")
    phone = service.sign_in("alice")
    wechat.latency = 10

    def ask(number):
        time.sleep(number * 0.02)  # each of them has a little more time left than the one before
        return phone.post("/api/me/phone", json={"code": f"code {number}"}, timeout=10)

    answers = at_once(*[functools.partial(ask, number) for number in range(CALLS)])
    assert {answer.json()["error"] for answer in answers} == {"wechat_timeout"}
    assert wechat.sandbox.calls()[TOKEN] < 12


def assert_answered(answers):
    """All have a number, but for those for whom a busy machine had no time."""
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 503, 504}
    assert statuses.count(200) > CALLS / 4


def is_answered(phone, code):
    try:
        return phone.post("/api/me/phone", json={"code": code}).ok
    except requests.ConnectionError:  # the new workers are still starting
        return False


def report(name, answers, asked):
    """Show the figures with `pytest -s`."""
    slowest = max(answer.elapsed.total_seconds() for answer in answers)
    print(f"{name}: {len(answers)} calls, slowest {slowest:.2f} s, WeChat was asked {dict(asked)}")  # noqa: T201
