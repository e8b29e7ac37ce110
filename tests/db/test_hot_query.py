"""The query of every authenticated request: types, errors and connections as SQLAlchemy's."""

import socket
from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy.exc
from sqlalchemy import bindparam, column, func, insert, select, table

from myapi import create_app
from myapi.db.engines import POOL, READER
from myapi.db.errors import is_outage
from myapi.db.hot_query import HotQuery
from myapi.db.transactions import reading, write
from myapi.db.types import UtcDateTime
from myapi.extensions import db
from myapi.settings import Settings
from myapi.users.models import User
from tests.in_gevent import passes_in_gevent

pytestmark = pytest.mark.on_mysql

MOMENT = datetime(2026, 1, 31, 8, 30, 0, 123456, timezone(timedelta(hours=8)))
COLUMNS = (User.nickname, User.created_at, User.banned_at)
BY_OPENID = HotQuery(select(*COLUMNS).where(User.openid == bindparam("openid")))
MADE_AT = HotQuery(select(User.openid).where(User.created_at == bindparam("at", type_=UtcDateTime)))


@pytest.fixture
def in_app(app):
    with app.app_context():
        yield app


@pytest.fixture
def user(in_app):
    values = {
        "public_id": "0" * 24,
        "appid": "wx",
        "openid": "o%s",
        "nickname": "小明 100%",
        "session_key": b"key",
        "created_at": MOMENT,
    }
    write(lambda tx: tx.execute(insert(User), values))


def fail(broken):
    with pytest.raises(sqlalchemy.exc.DBAPIError) as caught:
        broken.first({"openid": "hush"})
    return caught.value


def test_all_of_this_holds_in_a_gevent_worker():
    passes_in_gevent(__file__)


@pytest.mark.usefixtures("user")
def test_values_go_in_and_come_out_as_anywhere_else():
    row = BY_OPENID.first({"openid": "o%s"})
    assert row == ["小明 100%", MOMENT, None]
    assert row[1].tzinfo is timezone.utc
    assert MADE_AT.first({"at": MOMENT}) == ["o%s"]
    assert MADE_AT.first({"at": MOMENT + timedelta(microseconds=1)}) is None


@pytest.mark.usefixtures("user")
def test_one_row_is_the_same_as_sqlalchemy_reads():
    with reading() as connection:
        row = connection.execute(select(*COLUMNS).where(User.openid == "o%s")).one()
    assert BY_OPENID.first({"openid": "o%s"}) == list(row)


@pytest.mark.usefixtures("in_app")
def test_no_row_is_none():
    assert BY_OPENID.first({"openid": "nobody"}) is None


@pytest.mark.usefixtures("in_app")
def test_an_error_is_sqlalchemys_and_tells_no_values():
    broken = HotQuery(
        select(column("n")).select_from(table("nowhere")).where(column("n") == bindparam("openid"))
    )
    error = fail(broken)
    assert "hush" not in str(error)
    assert is_outage(error), "a table is missing: a migration has not run"
    assert BY_OPENID.first({"openid": "nobody"}) is None


@pytest.mark.usefixtures("in_app")
def test_errors_cost_no_connection():
    broken = HotQuery(select(func.no_such_function(bindparam("openid"))))
    for _ in range(2 * POOL):
        fail(broken)
    assert BY_OPENID.first({"openid": "nobody"}) is None
    assert db.engines[READER].pool.checkedout() == 0


def test_a_database_that_cannot_be_connected_to_is_an_outage(make_app, tmp_path, database_url):
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))  # and does not listen
    port = closed.getsockname()[1]
    if database_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path}"  # a folder
    else:
        url = f"mysql+pymysql://us:hush@127.0.0.1:{port}/app?charset=utf8mb4"
    app = make_app(database_url=url)
    with closed, app.app_context():
        error = fail(BY_OPENID)
    assert isinstance(error, sqlalchemy.exc.OperationalError)
    assert is_outage(error)


def test_a_call_while_the_database_is_away_is_service_unavailable(make_app, sign_in, mariadb):
    phone = sign_in()
    app = make_app(database_url="mysql+pymysql://us:hush@127.0.0.1:1/app?charset=utf8mb4")
    response = app.test_client().get("/api/me", headers=phone.headers)
    assert (response.status_code, response.get_json()["error"]) == (503, "service_unavailable")


def test_connections_that_died_are_replaced_after_one_error(server, tmp_path):
    url = server.url("mysql")
    app = create_app(Settings(secret_keys=("k" * 32,), database_url=url, instance_path=tmp_path))
    number = HotQuery(select(func.connection_id().label("number")))
    with app.app_context():
        several = [db.engines[READER].raw_connection() for _ in range(3)]
        dead = {each.driver_connection.thread_id() for each in several}
        for each in several:
            each.close()
        for each in dead:
            server.execute(f"KILL {each}")
        with pytest.raises(sqlalchemy.exc.OperationalError):
            number.first({})
        assert number.first({})[0] not in dead
        for engine in db.engines.values():
            engine.dispose()
