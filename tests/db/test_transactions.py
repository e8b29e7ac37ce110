"""Transactions: whoever carries one out, it is its own caller's."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
import sqlalchemy.exc
from flask import Blueprint, current_app, request
from sqlalchemy import event, insert, text

from myapi.db.transactions import after_commit, transaction, write
from myapi.extensions import db
from myapi.users.models import User
from myapi.web.access import caller
from myapi.web.endpoint import endpoint
from tests.in_gevent import passes_in_gevent

pytestmark = pytest.mark.on_mysql


def test_all_of_this_holds_in_a_gevent_worker():
    passes_in_gevent(__file__)


@transaction
def write_down(tx):
    values = {
        "author": caller().user,
        "sent": request.headers["X-Author"],
        "app": str(id(current_app._get_current_object())),
    }
    tx.execute(text("INSERT INTO authors VALUES (:author, :sent, :app)"), values)


def test_a_transaction_that_others_share_runs_as_its_own_caller(app, sign_in, execute):
    bp = Blueprint("authors", __name__)
    bp.post("/api/authors")(endpoint()(lambda: write_down()))
    app.register_blueprint(bp)
    phones = [sign_in(f"user{n}") for n in range(8)]

    def call(phone):
        """A busy machine refuses some of so many calls, and the client repeats them."""
        headers = {**phone.headers, "X-Author": phone.user["id"]}
        for _ in range(20):
            status = app.test_client().post("/api/authors", headers=headers).status_code
            if status != 503:
                break
        return status

    execute("CREATE TABLE authors (author VARCHAR(24), sent VARCHAR(24), app VARCHAR(24))")
    try:
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(call, phones * 20)) == {200}
        rows = execute("SELECT author, sent, app FROM authors")
    finally:
        execute("DROP TABLE authors")
    assert len(rows) >= 160  # a call whose time was up during its commit is written twice
    assert all(row.author == row.sent and row.app == str(id(app)) for row in rows)


@pytest.fixture
def in_app(app):
    with app.app_context():
        yield app


def sign_up(tx, n):
    values = {
        "public_id": f"{n:024}",
        "appid": "wx",
        "openid": f"o{n}",
        "session_key": b"key",
        "created_at": datetime(2026, 1, 31, tzinfo=timezone.utc),
    }
    tx.execute(insert(User), values)


@pytest.mark.usefixtures("in_app")
def test_after_commit_runs_once_in_order_and_when_others_can_see_the_rows(execute):
    done = []

    def work(tx):
        sign_up(tx, 1)
        after_commit(tx, lambda: done.append(execute("SELECT count(*) FROM users")[0][0]))
        after_commit(tx, lambda: done.append("second"))
        assert done == []
        return "result"

    assert write(work) == "result"
    assert done == [1, "second"]
    write(lambda tx: None)
    assert done == [1, "second"], "they belong to one transaction, not to its connection"


@pytest.mark.usefixtures("in_app")
def test_after_commit_does_not_run_after_a_rollback(execute):
    done = []

    def work(tx):
        after_commit(tx, lambda: done.append("never"))
        sign_up(tx, 1)
        raise ValueError("a refusal")

    with pytest.raises(ValueError, match="a refusal"):
        write(work)
    write(lambda tx: None)
    assert done == []
    assert execute("SELECT count(*) FROM users") == [(0,)]


@pytest.mark.usefixtures("in_app")
def test_after_commit_does_not_run_after_a_commit_that_failed():
    done = []

    def fail(_connection):
        raise sqlalchemy.exc.OperationalError("COMMIT", None, Exception("disk I/O error"))

    event.listen(db.engine, "commit", fail)
    try:
        with pytest.raises(sqlalchemy.exc.OperationalError):
            write(lambda tx: after_commit(tx, lambda: done.append("never")))
    finally:
        event.remove(db.engine, "commit", fail)
    assert done == []


def test_after_commit_runs_once_for_each_of_those_that_run_again(app, execute):
    """In each round one inserts a row that is there: what shared its transaction runs again."""
    done, refused = [], []
    with app.app_context():
        write(lambda tx: sign_up(tx, 0))

    def request(n):
        def work(tx):
            sign_up(tx, n)
            after_commit(tx, lambda: done.append(n))

        with app.app_context():
            try:
                write(work)
            except sqlalchemy.exc.IntegrityError:
                refused.append(n)

    numbers = [n if n % 8 else 0 for n in range(64)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(request, numbers))
    assert sorted(done) == [n for n in numbers if n]
    assert refused == [0] * 8
    assert execute("SELECT count(*) FROM users") == [(57,)]


def test_after_commit_runs_once_when_a_deadlock_is_tried_again(app):
    """MySQL's error number of a deadlock; SQLite has none, and there the work fails at once."""
    runs, done = [], []

    def work(tx):
        runs.append(1)
        after_commit(tx, lambda: done.append(len(runs)))
        if len(runs) < 3:
            raise sqlalchemy.exc.OperationalError("UPDATE", None, Exception(1213, "Deadlock"))

    with app.app_context():
        if db.engine.name == "sqlite":
            with pytest.raises(sqlalchemy.exc.OperationalError):
                write(work)
            assert (len(runs), done) == (1, [])
        else:
            write(work)
            assert (len(runs), done) == (3, [3])
