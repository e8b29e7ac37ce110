"""An app for tests of the worker: it sleeps, blocks the event loop and exits."""

import sys
import time
from pathlib import Path

from flask import Flask, request
from gevent import monkey

from myapi.concurrency import Busy, off_loop

really_sleep = monkey.get_original("time", "sleep")  # blocks the event loop

app = Flask(__name__)


@app.route("/hello", methods=["GET", "POST"])
@app.route("/healthz")
@app.route("/hello/<number>")
def hello(number=""):
    return f"hello {number}".encode() + request.get_data()


@app.get("/exit")
def leave():
    sys.exit(1)


@app.get("/sleep/<seconds>")
def sleep(seconds):
    time.sleep(float(seconds))
    return "slept"


@app.get("/block/<seconds>")
def block(seconds):
    really_sleep(float(seconds))
    return "blocked"


@app.get("/off-loop/<seconds>")
def compute(seconds):
    try:
        off_loop(really_sleep, float(seconds))
    except Busy:
        return "busy", 503
    return "computed"


@app.post("/off-loop/until")
def compute_until():
    """Compute until a file of the name in the body exists."""
    gate = Path(request.get_data(as_text=True))

    def work():
        while not gate.exists():
            really_sleep(0.02)

    try:
        off_loop(work)
    except Busy:
        return "busy", 503
    return "computed"


@app.get("/off-loop/fails")
def fail():
    try:
        off_loop(int, "x")
    except ValueError as error:
        return str(error)
