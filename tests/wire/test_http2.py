"""HTTP/2 as Nginx speaks it: nothing of it becomes another request over HTTP/1.1 behind it."""

from concurrent.futures import ThreadPoolExecutor

from tests.wire import http2
from tests.wire.test_cases import (
    everyone_gets_an_answer_of_their_own,
    faults,
    no_request_came_of_itself,
)

REFUSED = {"reset", "closed", *map(str, range(400, 500))}


def test_what_http_1_would_read_differently_is_refused(behind_nginx):
    connect = http2.to(behind_nginx.front)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda case: http2.ask(connect, case), http2.CASES))
    wrong = [
        (case.name, outcome)
        for case, outcome in zip(http2.CASES, outcomes, strict=True)
        if outcome not in REFUSED and not (case.waits and outcome == "silence")
    ]
    assert wrong == []
    assert no_request_came_of_itself(behind_nginx, 0, [])
    assert everyone_gets_an_answer_of_their_own(behind_nginx)
    assert faults(behind_nginx.service) == []
