"""The deadline of a request in plain threads, where nothing is broken off; see also broken_off."""

import time

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from myapi.db import deadline, engines
from myapi.db.deadline import request_deadline
from myapi.db.transactions import reading

pytestmark = pytest.mark.on_mysql


@pytest.fixture(autouse=True)
def request_deadline_of_100_ms(monkeypatch):
    monkeypatch.setattr(deadline, "REQUEST", 0.1)


@pytest.fixture
def in_app(app):
    with app.app_context():
        yield app


def test_a_request_that_has_waited_for_too_long_is_refused_and_the_next_one_is_not(in_app):
    with request_deadline():
        time.sleep(0.2)
    with pytest.raises(sqlalchemy.exc.TimeoutError), request_deadline():
        pytest.fail("it may not wait again")
    with in_app.app_context(), request_deadline():
        pass


@pytest.mark.usefixtures("in_app")
def test_time_that_passes_between_waits_does_not_count():
    with request_deadline():
        pass
    time.sleep(0.2)
    with request_deadline():
        pass


@pytest.mark.usefixtures("in_app")
def test_an_error_inside_is_passed_on_and_its_wait_counts():
    def fail():
        time.sleep(0.2)
        raise KeyError

    with pytest.raises(KeyError), request_deadline():
        fail()
    with pytest.raises(sqlalchemy.exc.TimeoutError), request_deadline():
        pass


def test_a_request_has_the_deadline_for_mysql_and_a_command_has_none(in_app):
    mysql = engines.db.engine.name == "mysql"
    for timeouts, refused in [(engines.WEB, mysql), (engines.COMMAND, False)]:
        in_app.extensions["timeouts"] = timeouts
        with in_app.app_context():
            with reading():
                time.sleep(0.2)
            if refused:
                with pytest.raises(sqlalchemy.exc.TimeoutError), reading():
                    pass
            else:
                with reading() as connection:
                    assert connection.scalar(text("SELECT 1")) == 1
