"""That nothing is answered over plain HTTP."""

import pytest

from tests.doctor.example import GOOD, HTTPS_REQUIRED, nginx
from tests.tls import Peer, answering


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, "warn"),
        ({"Strict_Transport_Security": "max-age=300"}, "warn"),
        ({"Strict_Transport_Security": "includeSubDomains"}, "warn"),
        ({"Strict_Transport_Security": "max-age=63072000; includeSubDomains"}, "ok"),
    ],
)
def test_hsts_of_less_than_half_a_year_warns(look, pair, header, status):
    with Peer(answering(**header), pair) as peer:
        assert look(peer, only=["hsts"])["hsts"].status == status


@pytest.mark.parametrize(
    ("plain", "status"),
    [
        (GOOD, "fail"),
        (HTTPS_REQUIRED, "ok"),
        ("return 301 https://api.example.com$request_uri;", "ok"),
        ("return 301 https://www.example.com$request_uri;", "warn"),
        ("return 404;", "warn"),
    ],
    ids=["the API in plain", "refused", "redirect", "redirect elsewhere", "404"],
)
def test_plain_http_is_judged_by_what_it_gives_away(look, pair, plain, status):
    with nginx(pair, GOOD, plain=plain) as front:
        assert look(front.port, front.plain, only=["port_80"])["port_80"].status == status


def test_closed_port_80_warns(look, pair):
    with Peer(answering(), pair) as peer:
        results = look(peer, only=["port_80"])
    assert results["port_80"].status == "warn"
    assert "certbot cannot renew" in results["port_80"].evidence.en
