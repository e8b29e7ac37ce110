"""Tests of `off_loop`: in a worker, blocking work runs in a thread."""

import subprocess
import sys
import time

import pytest

from myapi.concurrency import QUEUE, THREADS, off_loop
from myapi.settings import ROOT
from tests.service import at_once, wait_for


def test_off_loop_is_a_plain_call_outside_a_worker():
    assert off_loop(divmod, 7, 2) == (3, 1)
    assert off_loop(int, "ff", base=16) == 255
    with pytest.raises(ZeroDivisionError):
        off_loop(divmod, 7, 0)


def test_gevent_is_loaded_only_in_a_worker():
    code = (
        "import sys, wsgi; from myapi.concurrency import off_loop; off_loop(int)\n"
        "assert 'gevent' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_other_requests_are_answered_during_off_loop_work(odd):
    service = odd()
    started = time.monotonic()

    def hello():
        time.sleep(0.2)
        answer = service.call("GET", "/hello")
        return answer.text, time.monotonic() - started

    computed, (text, seconds) = at_once(lambda: service.call("GET", "/off-loop/2").text, hello)
    assert (computed, text) == ("computed", "hello ")
    assert seconds < 1.5


def test_off_loop_raises_the_error_of_the_function(odd):
    assert "invalid literal" in odd().call("GET", "/off-loop/fails").text


def test_off_loop_refuses_calls_beyond_threads_and_queue(odd, tmp_path):
    service = odd()
    gate = tmp_path / "gate"
    refused = []

    def call():
        answer = service.call("POST", "/off-loop/until", data=str(gate))
        if answer.status_code == 503:
            refused.append(answer)
        return answer.status_code

    def open_gate():
        wait_for(lambda: len(refused) == 10, seconds=30)
        gate.touch()
        return 200

    calls = THREADS + QUEUE + 10
    statuses = sorted(at_once(open_gate, *[call] * calls))
    assert statuses == [200] * (1 + THREADS + QUEUE) + [503] * 10
    assert service.call("GET", "/off-loop/0").text == "computed"
