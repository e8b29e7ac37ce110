"""The statements of a login, run on the driver: types, errors and connections as SQLAlchemy's."""

import socket
import sqlite3
from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy.exc
from sqlalchemy import bindparam, insert, select, update

from myapi.db.statements import Statement
from myapi.db.transactions import write
from myapi.users.models import User

MOMENT = datetime(2026, 1, 31, 8, 30, 0, 123456, timezone(timedelta(hours=8)))

MADE = Statement(insert(User))
READ = Statement(select(User.id, User.session_key, User.created_at).where(User.id > bindparam("n")))
NAMED = Statement(update(User).where(User.appid == bindparam("of")))


def values(number=1, **others):
    """Return what a row of users needs."""
    return {
        "public_id": f"{number:024}",
        "appid": "wx",
        "openid": f"o{number}",
        "session_key": b"\x00\xff%s?",
        "created_at": MOMENT,
        **others,
    }


@pytest.fixture
def in_app(app):
    with app.app_context():
        yield app


@pytest.mark.usefixtures("in_app")
def test_values_go_in_and_come_out_through_their_types():
    made = write(lambda tx: MADE.change(tx, values()))
    assert made.rows == 1
    row = write(lambda tx: READ.first(tx, {"n": 0}))
    assert row == [made.id, b"\x00\xff%s?", MOMENT]
    assert row[2].tzinfo is timezone.utc
    assert write(lambda tx: READ.first(tx, {"n": made.id})) is None


@pytest.mark.usefixtures("in_app")
def test_a_change_tells_its_rows_and_all_returns_every_row():
    ids = [write(lambda tx, n=n: MADE.change(tx, values(n))).id for n in (1, 2)]
    renamed = write(lambda tx: NAMED.change(tx, {"of": "wx", "nickname": "小明 100%"}))
    assert renamed.rows == 2
    assert [row[0] for row in write(lambda tx: READ.all(tx, {"n": 0}))] == ids


@pytest.mark.usefixtures("in_app")
def test_what_is_changed_is_rolled_back_with_its_transaction(execute):
    def work(tx):
        MADE.change(tx, values())
        raise ValueError

    with pytest.raises(ValueError):
        write(work)
    assert execute("SELECT count(*) FROM users") == [(0,)]


@pytest.mark.usefixtures("in_app")
def test_an_error_of_the_driver_is_one_of_sqlalchemy_and_tells_no_values():
    write(lambda tx: MADE.change(tx, values(openid="hush")))
    with pytest.raises(sqlalchemy.exc.IntegrityError) as caught:
        write(lambda tx: MADE.change(tx, values(public_id="another", openid="hush", appid="wx")))
    assert caught.value.hide_parameters
    assert b"\x00\xff" not in str(caught.value).encode()
    assert write(lambda tx: len(READ.all(tx, {"n": 0}))) == 1


@pytest.mark.usefixtures("in_app")
def test_a_connection_that_fails_is_replaced():
    def fail(tx):
        driver = tx.connection.driver_connection
        if tx.dialect.name == "sqlite":
            driver.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        else:
            driver._sock.shutdown(socket.SHUT_RDWR)
        MADE.change(tx, values())

    with pytest.raises(sqlalchemy.exc.DBAPIError) as caught:
        write(fail)
    assert caught.value.connection_invalidated
    assert write(lambda tx: MADE.change(tx, values())).rows == 1
