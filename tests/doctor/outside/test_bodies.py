"""What happens to bodies on the way."""

import gzip

import pytest

from tests.doctor.example import Replayed, failing
from tests.tls import HELLO, Peer, answering, read_request


def test_proxy_with_small_body_limit_fails(installed, look):
    service = installed
    _, front = service(location="client_max_body_size 8k;")
    results = look(front.port, front.plain)
    assert failing(results) == {"body_limit"}
    assert results["body_limit"].evidence.en.startswith("HTTP 413, text/html")
    assert "client_max_body_size" in results["body_limit"].fix.en


def test_proxy_that_closes_on_a_large_body_fails(look, pair):
    def behave(connection):
        if b"POST" not in read_request(connection)[:4]:
            answering()(Replayed(connection))

    with Peer(behave, pair) as peer:
        results = look(peer, only=["body_limit"])
    assert failing(results) == {"body_limit"}


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", gzip.compress(HELLO), "ok"),
        ("gzip", HELLO, "fail"),
        ("br", HELLO, "fail"),
        ("identity", HELLO, "ok"),
    ],
    ids=["gzip", "no gzip", "brotli", "none"],
)
def test_compression_must_be_what_the_header_says(look, pair, coding, body, status):
    with Peer(answering(body=body, Content_Encoding=coding), pair) as peer:
        assert look(peer, only=["compression"])["compression"].status == status
