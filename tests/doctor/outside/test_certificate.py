"""The domain's certificate: its name and its dates."""

import pytest

from tests.doctor.example import NAME, failing
from tests.tls import Peer, answering


def test_certificate_for_another_name_fails(look, authority):
    with Peer(answering(), authority.pair("www.example.com", "*.api.example.com")) as peer:
        results = look(peer)
    assert failing(results) == {"name"}
    said = "for www.example.com, *.api.example.com, not for api.example.com"
    assert results["name"].evidence.en == said


def test_wildcard_certificate_is_ok(look, authority):
    with Peer(answering(), authority.pair("*.example.com")) as peer:
        assert look(peer, only=["name"])["name"].status == "ok"


@pytest.mark.parametrize(
    ("begins", "ends", "status", "evidence"),
    [
        (-90, -1, "fail", "the certificate of api.example.com expired on "),
        (+2, +90, "fail", "the certificate of api.example.com is not valid before "),
        (-88, +2, "fail", "2.0 days left, until "),
        (-80, +10, "warn", "10.0 days left, until "),
        (-40, +5, "warn", "5.0 days left, until "),
        (-40, +50, "ok", "50.0 days left, until "),
        (-300, +65, "ok", "65.0 days left, until "),
    ],
)
def test_days_left_are_judged_by_the_lifetime(look, authority, begins, ends, status, evidence):
    with Peer(answering(), authority.pair(NAME, begins=begins, ends=ends)) as peer:
        results = look(peer)
    assert results["dates"].status == status
    assert results["dates"].evidence.en.startswith(evidence)
    assert failing(results) == ({"dates"} if status == "fail" else set())
