"""myapi with views that take their time, for tests of the time limit."""

import time
from pathlib import Path

from flask import Blueprint, request
from gevent import monkey
from sqlalchemy import text

from myapi import create_app
from myapi.concurrency import off_loop
from myapi.db.transactions import reading, write
from myapi.team import Extension
from myapi.web.access import public
from myapi.web.responses import ok

really_sleep = monkey.get_original("time", "sleep")  # as a computation: nothing else can run

bp = Blueprint("slow", __name__, url_prefix="/api/slow")


@bp.post("/sleep/<float:seconds>")
@public
def sleep(seconds):
    body = request.get_data()
    time.sleep(seconds)
    return ok(len(body))


@bp.get("/compute/<float:seconds>")
@public
def compute(seconds):
    really_sleep(seconds)
    return ok()


@bp.get("/stubborn/<float:seconds>")
@public
def stubborn(seconds):
    try:
        time.sleep(seconds)
    except BaseException:
        return ok("went on")
    return ok()


@bp.get("/fails")
@public
def fail():
    raise TimeoutError("of the view's own")


@bp.post("/numbers/<int:n>/<float:seconds>")
@public
def insert(n, seconds):
    def work(tx):
        tx.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": n})
        time.sleep(seconds)

    write(work)
    return ok()


@bp.get("/numbers/<float:seconds>")
@public
def numbers(seconds):
    with reading() as connection:
        found = [*connection.scalars(text("SELECT n FROM numbers ORDER BY n"))]
        time.sleep(seconds)
    return ok(found)


@bp.post("/off-loop/<float:seconds>")
@public
def work_elsewhere(seconds):
    off_loop(finish_later, seconds, request.get_data().decode())
    return ok()


def finish_later(seconds, file):
    really_sleep(seconds)
    Path(file).write_text("done")


app = create_app(extension=Extension(blueprints=[bp]))
