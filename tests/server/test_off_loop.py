"""Work that would stop the loop is done in a thread, and only in a worker."""

import subprocess
import sys
import time

import pytest

from myapi.concurrency import QUEUE, THREADS, off_loop
from myapi.settings import ROOT
from tests.service import at_once


def test_it_is_a_plain_call_elsewhere():
    assert off_loop(divmod, 7, 2) == (3, 1)
    assert off_loop(int, "ff", base=16) == 255
    with pytest.raises(ZeroDivisionError):
        off_loop(divmod, 7, 0)


def test_gevent_is_not_loaded_but_in_a_worker(monkeypatch):
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # coverage itself loads it
    code = (
        "import sys, wsgi; from myapi.concurrency import off_loop; off_loop(int)\n"
        "assert 'gevent' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_others_are_answered_meanwhile(odd):
    service = odd()
    started = time.monotonic()

    def hello():
        time.sleep(0.2)
        answer = service.call("GET", "/hello")
        return answer.text, time.monotonic() - started

    computed, (said, after) = at_once(lambda: service.call("GET", "/off-loop/2").text, hello)
    assert (computed, said) == ("computed", "hello ")
    assert after < 1.5


def test_what_fails_there_fails_here(odd):
    assert "invalid literal" in odd().call("GET", "/off-loop/fails").text


def test_more_calls_than_threads_and_queue_are_refused(odd):
    service = odd()
    calls = THREADS + QUEUE + 10
    answers = at_once(*[lambda: service.call("GET", "/off-loop/0.5")] * calls)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * (THREADS + QUEUE) + [503] * 10
    assert service.call("GET", "/off-loop/0").text == "computed"
