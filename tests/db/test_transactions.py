"""Transactions: whoever carries one out, it is its own caller's."""

from concurrent.futures import ThreadPoolExecutor

from flask import Blueprint, current_app, request
from sqlalchemy import text

from myapi.db.transactions import transaction
from myapi.web.access import caller
from myapi.web.endpoint import endpoint


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
        headers = {**phone.headers, "X-Author": phone.user["id"]}
        return app.test_client().post("/api/authors", headers=headers).status_code

    execute("CREATE TABLE authors (author VARCHAR(24), sent VARCHAR(24), app VARCHAR(24))")
    try:
        with ThreadPoolExecutor(32) as pool:
            assert set(pool.map(call, phones * 20)) == {200}
        rows = execute("SELECT author, sent, app FROM authors")
    finally:
        execute("DROP TABLE authors")
    assert len(rows) == 160
    assert all(row.author == row.sent and row.app == str(id(app)) for row in rows)
