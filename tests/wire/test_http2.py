"""HTTP/2 at Nginx: no request becomes a different one over HTTP/1.1 at the app."""

from concurrent.futures import ThreadPoolExecutor

from tests.wire import http2
from tests.wire.test_cases import (
    error_lines,
    every_client_gets_its_own_response,
    no_smuggled_requests,
)

REFUSED = {"reset", "closed", *map(str, range(400, 500))}


def test_malformed_http2_requests_are_refused(behind_nginx):
    connect = http2.to(behind_nginx.front)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda case: http2.ask(connect, case), http2.CASES))
    wrong = [
        (case.name, outcome)
        for case, outcome in zip(http2.CASES, outcomes, strict=True)
        if outcome not in REFUSED and not (case.waits and outcome == "silence")
    ]
    assert wrong == []
    assert no_smuggled_requests(behind_nginx, 0, [])
    assert every_client_gets_its_own_response(behind_nginx)
    assert error_lines(behind_nginx.service) == []
