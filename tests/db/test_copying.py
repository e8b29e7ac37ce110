"""Odd rows come over as they are."""

from datetime import datetime, timezone

import pytest
from sqlalchemy import delete, insert, select

from myapi.db import copying, migrate
from myapi.extensions import db
from myapi.users.models import User

pytest.importorskip("hypothesis", reason="hypothesis needs Python 3.11")

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

ascii_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=128)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=32)
times = st.datetimes(timezones=st.just(timezone.utc)).filter(lambda moment: moment.year >= 1000)
odd_users = st.fixed_dictionaries(
    {
        "openid": ascii_text,
        "unionid": st.none() | ascii_text,
        "nickname": st.none() | any_text,
        "avatar_url": st.none() | st.text(st.sampled_from("a🙂\0\\'\"%"), max_size=512),
        "session_key": st.none() | st.binary(max_size=255),
        "session_key_at": st.none() | times,
        "created_at": times,
        "banned_at": st.none() | times,
    }
)
LONGEST = {
    "openid": "~" * 128,
    "unionid": "",
    "nickname": "👩‍👩‍👧‍👦" * 4,
    "avatar_url": "\u4e00" * 512,
    "session_key": b"\xff" * 255,
    "session_key_at": None,
    "created_at": datetime(9999, 12, 31, 23, 59, 59, 999999, timezone.utc),
    "banned_at": datetime(1000, 1, 1, tzinfo=timezone.utc),
}


@pytest.fixture(params=["mariadb", "sqlite"])
def target(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/target.db"
    else:
        server = request.getfixturevalue("mariadb")
        yield server.create_database("odd")
        server.execute("DROP DATABASE odd")


@pytest.fixture
def other(make_app, target):
    app = make_app(database_url=target)
    with app.app_context():
        migrate.upgrade()
    return app


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(odd_users, max_size=5))
@example(rows=[LONGEST])
def test_whatever_the_columns_can_hold_comes_over_as_it_is(app, other, target, database_url, rows):
    given = [
        {"id": number, "public_id": f"u{number}", "appid": f"wx{number}", **row}
        for number, row in enumerate(rows)
    ]
    for each in (app, other):
        store(each, given if each is app else [])
    with app.app_context():
        tallies = copying.run(database_url, target, lambda _: None)
    assert tallies["users"].rows == len(rows)
    assert stored(other) == stored(app)


def store(app, rows):
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(delete(User))
        if rows:
            connection.execute(insert(User), rows)


def stored(app):
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(select(User.__table__).order_by(User.id)).all()
