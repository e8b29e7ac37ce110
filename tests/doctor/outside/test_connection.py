"""Connections to each address of the name."""

from doctor import Target, deadlines, parse_url
from doctor.network import Address
from doctor.outside import connection
from doctor.target import Probe
from tests.doctor.example import URL, failing
from tests.servers import BlackHole, free_port
from tests.tls import Peer, answering


def test_closed_port_fails(look):
    port = free_port()
    results = look(port)
    assert failing(results) == {"port"}
    assert results["port"].evidence.en == "port 443 at 127.0.0.1: connection refused"
    assert "errno 600001" in results["port"].symptom.en
    assert results["route"].status == "skip"


def test_silent_port_fails_tls_with_a_timeout(look, monkeypatch):
    monkeypatch.setattr(deadlines, "STEP", 1.0)
    with BlackHole() as hole:
        results = look(hole.port, only=["port", "tls", "plain_http"])
    assert failing(results) == {"tls"}
    assert results["tls"].evidence.en == "127.0.0.1: no answer in time"


def test_dead_address_beside_a_good_one_fails(look, pair):
    with Peer(answering(), pair) as peer:
        results = look([free_port(), peer], only=["port", "tls", "route"])
    assert failing(results) == {"port"}
    assert "remove the dead address" in results["port"].fix.en


def test_stale_aaaa_record_fails(look, pair):
    with Peer(answering(), pair) as peer:
        results = look([peer, dead_ipv6()], only=["ipv6", "port", "tls", "name", "route"])
    assert failing(results) == {"ipv6"}
    assert results["ipv6"].evidence.en == "::1: connection refused"


def test_aaaa_record_of_another_server_fails(look, pair, authority):
    other = authority.pair("old.example.com")
    with Peer(answering(), pair) as peer, Peer(answering(), other, host="::1") as old:
        results = look([peer, old], only=["ipv6", "port", "tls", "name"])
    assert failing(results) == {"ipv6"}
    assert results["ipv6"].evidence.en.endswith("is for old.example.com")


def test_right_aaaa_record_is_ok(look, pair):
    with Peer(answering(), pair) as peer, Peer(answering(), pair, host="::1") as other:
        assert look([peer, other], only=["ipv6"])["ipv6"].status == "ok"


def test_ipv6_is_skipped_on_a_computer_without_it(monkeypatch):
    look = Probe(Address("2001:db8::1", 443), connect_error=OSError(101, "Network is unreachable"))
    monkeypatch.setattr(Target, "addresses", lambda target: [look.address])
    monkeypatch.setattr(Target, "probes", lambda target: [look])
    found = connection.ipv6.run(Target(parse_url(URL)))
    assert (found.status, "cannot be tried" in found.evidence.en) == ("skip", True)


def dead_ipv6():
    peer = Peer(answering(), host="::1")
    peer._listener.close()
    return peer
