"""A view that takes longer than MYAPI_REQUEST_TIMEOUT is broken off, and harms no other."""

import time

import pytest
from sqlalchemy import create_engine

from myapi.concurrency import QUEUE, THREADS
from myapi.db.engines import POOL
from tests.server.test_worker import CHUNKED, ask
from tests.service import at_once, is_error, wait_for

LIMIT = 1  # s
LONG = 6.5
MARGIN = 1.5  # for a busy machine


@pytest.fixture
def slow(serve):
    """Start a service with one worker and `slow_app`."""

    def start(**options):
        return serve(**{"app": "tests.server.slow_app:app", "request_timeout": LIMIT, **options})

    return start


@pytest.fixture
def with_numbers(slow, database_url):
    """The service on a database that has a table of numbers."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INT PRIMARY KEY)")
    yield slow(database_url=database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE numbers")
    engine.dispose()


def is_cut_off(service, response):
    """Whether it is the error of a view that took too long, and is logged as that."""
    line = service.events("request")[-1]
    assert (line["status"], line["error"]) == (503, "service_unavailable")
    assert line["ms"] >= LIMIT * 1000
    event = service.events("request_timeout")[-1]
    assert (event["level"], event["route"]) == ("error", line["route"])
    return is_error(response, 503, "service_unavailable")


def test_view_that_takes_too_long_is_cut_off_and_logged_as_what_it_was(slow):
    service = slow()
    started = time.monotonic()
    response = service.call("POST", f"/api/slow/sleep/{LONG}")
    assert time.monotonic() - started < LIMIT + MARGIN
    assert is_cut_off(service, response)
    labels = {"route": "/api/slow/sleep/<float:seconds>", "status": "503"}
    assert service.metric("myapi_requests_total", **labels) == 1


def test_view_within_the_limit_is_not_touched(slow):
    service = slow()
    assert service.call("POST", "/api/slow/sleep/0.5").status_code == 200
    assert service.events("request_timeout") == []


def test_limit_is_that_of_the_settings(slow):
    service = slow(request_timeout=12)
    assert service.call("POST", "/api/slow/sleep/10.5").status_code == 200


def test_large_or_unusual_request_has_the_same_time(slow):
    """Gunicorn reads it; the time in which it must arrive does not count for the view."""
    app = "tests.server.slow_app:app"
    arguments = {"GUNICORN_CMD_ARGS": "--worker-class tests.wire.short_timeout.Worker"}  # 1 s
    service = slow(app=app, request_timeout=3, environ=arguments)
    response = service.call("POST", "/api/slow/sleep/2.0", data=b"x" * 60_000)
    assert (response.status_code, response.json()["data"]) == (200, 60_000)
    chunked = CHUNKED.replace(b"/hello", b"/api/slow/sleep/2.0") + b"2\r\n{}\r\n0\r\n\r\n"
    assert ask(service, chunked).endswith(b'"data":2}')
    assert is_cut_off(service, service.call("POST", "/api/slow/sleep/9.0", data=b"x" * 60_000))


def test_what_computes_is_answered_and_logged_alike_at_its_end(slow):
    service = slow()
    assert service.call("GET", "/api/slow/compute/0.5").status_code == 200
    assert is_cut_off(service, service.call("GET", "/api/slow/compute/1.5"))


def test_view_that_swallows_the_end_of_its_time_is_cut_off_too(slow):
    service = slow()
    assert is_cut_off(service, service.call("GET", f"/api/slow/stubborn/{LONG}"))


def test_time_out_of_the_view_s_own_is_a_fault_in_the_code(slow):
    service = slow()
    assert is_error(service.call("GET", "/api/slow/fails"), 500, "internal_error")
    assert service.events("request_timeout") == []


def test_transaction_that_is_cut_off_is_rolled_back(with_numbers):
    service = with_numbers
    assert is_cut_off(service, service.call("POST", f"/api/slow/numbers/1/{LONG}"))
    assert service.call("POST", "/api/slow/numbers/2/0.0").status_code == 200
    assert service.call("GET", "/api/slow/numbers/0.0").json()["data"] == [2]
    assert service.call("POST", "/api/slow/numbers/1/0.0").status_code == 200


def test_no_connection_is_lost_or_returned_dirty(with_numbers):
    """More than the pool has, at once and in a row: reads and writes, all cut off."""
    service = with_numbers
    for _ in range(3):
        calls = [("GET", f"/api/slow/numbers/{LONG}")] * POOL
        calls += [("POST", f"/api/slow/numbers/{n}/{LONG}") for n in range(POOL)]
        answers = at_once(*[lambda each=each: service.call(*each) for each in calls])
        assert {answer.status_code for answer in answers} == {503}
    answers = at_once(
        *[lambda: service.call("GET", "/api/slow/numbers/0.2") for _ in range(POOL)],
        *[lambda n=n: service.call("POST", f"/api/slow/numbers/{n}/0.0") for n in range(POOL)],
    )
    assert [answer.status_code for answer in answers] == [200] * 2 * POOL
    assert service.call("GET", "/api/slow/numbers/0.0").json()["data"] == [*range(POOL)]
    assert service.events("internal_error") == []


def test_off_loop_work_of_a_view_that_is_cut_off_goes_on(slow, tmp_path):
    service = slow()
    file = tmp_path / "file"
    assert is_cut_off(service, service.call("POST", "/api/slow/off-loop/2.0", data=str(file)))
    assert not file.exists()
    wait_for(file.exists)
    many = [tmp_path / str(n) for n in range(THREADS + QUEUE)]
    calls = [lambda f=f: service.call("POST", "/api/slow/off-loop/2.0", data=str(f)) for f in many]
    assert {answer.status_code for answer in at_once(*calls)} == {503}
    wait_for(lambda: sum(each.exists() for each in many) == THREADS)
    calls = [lambda f=f: service.call("POST", "/api/slow/off-loop/0.0", data=str(f)) for f in many]
    assert {answer.status_code for answer in at_once(*calls)} == {200}


def test_open_request_of_any_length_is_answered_at_a_stop(slow):
    service = slow(request_timeout=40)
    answers = at_once(
        lambda: service.call("POST", "/api/slow/sleep/3.0").status_code,
        lambda: (time.sleep(0.5), service.stop())[1],
    )
    assert answers[0] == 200
