"""`copy_database` copies every value unchanged."""

from datetime import datetime, timezone

import pytest
from sqlalchemy import delete, insert, select

from myapi.db import migrate
from myapi.db.copy import copy_database
from myapi.extensions import db
from myapi.users.models import User
from tests.fixtures import DATABASES, empty_database

pytest.importorskip("hypothesis", reason="hypothesis needs Python 3.11")

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

ascii_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=128)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=32)
times = st.datetimes(timezones=st.just(timezone.utc)).filter(lambda time: time.year >= 1000)
users = st.fixed_dictionaries(
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
LONGEST_VALUES = {
    "openid": "~" * 128,
    "unionid": "",
    "nickname": "👩‍👩‍👧‍👦" * 4,
    "avatar_url": "\u4e00" * 512,
    "session_key": b"\xff" * 255,
    "session_key_at": None,
    "created_at": datetime(9999, 12, 31, 23, 59, 59, 999999, timezone.utc),
    "banned_at": datetime(1000, 1, 1, tzinfo=timezone.utc),
}


@pytest.fixture(params=DATABASES)
def target_url(request, tmp_path):
    """The URL of an empty database."""
    with empty_database(request, tmp_path, "copied") as url:
        yield url


@pytest.fixture
def target_app(make_app, target_url):
    app = make_app(database_url=target_url)
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
@given(rows=st.lists(users, max_size=5))
@example(rows=[LONGEST_VALUES])
def test_copy_keeps_every_value_that_the_columns_can_hold(
    app, target_app, target_url, database_url, rows
):
    replace_users(target_app, [])
    replace_users(
        app,
        [
            {"id": number, "public_id": f"u{number}", "appid": f"wx{number}", **row}
            for number, row in enumerate(rows)
        ],
    )
    with app.app_context():
        checksums = copy_database(database_url, target_url, lambda _: None)
    assert checksums["users"].rows == len(rows)
    assert all_users(target_app) == all_users(app)


def replace_users(app, rows):
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(delete(User))
        if rows:
            connection.execute(insert(User), rows)


def all_users(app):
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(select(User.__table__).order_by(User.id)).all()
