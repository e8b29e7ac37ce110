"""No check is ok about what it did not see."""

import socket

import pytest

from doctor import OUTSIDE, SERVER, Server, Target, parse_url
from doctor import target as target_module
from doctor.network import Network
from doctor.outside.versions import tls_old, tls_versions
from doctor.target import Probe
from tests.doctor.example import NAME, URL, at, here, systemctl
from tests.servers import BlackHole
from tests.tls import HELLO, Peer, answering, read_request


def statuses(results, status):
    return {name for name, each in results.items() if each.status == status}


def test_plain_http_on_the_port_of_https_shows_nothing_of_tls(look):
    """Neither that TLS 1.0 is refused, nor anything of a certificate or the API."""
    with Peer(answering(body=HELLO)) as peer:
        results = look(peer, timeout=12)
    assert statuses(results, "fail") == {"plain_http", "tls"}
    assert statuses(results, "ok") == {"url", "dns", "port", "ipv6"}
    assert results["tls"].follows == "plain_http"


def test_a_silent_port_shows_nothing_of_tls(look, monkeypatch):
    monkeypatch.setattr(target_module.deadlines, "STEP", 1.0)
    with BlackHole() as hole:
        results = look(hole.port, timeout=8)
    assert statuses(results, "ok") == {"url", "dns", "port", "ipv6"}


def test_a_port_that_closes_at_once_shows_nothing_of_tls(look):
    with Peer(lambda connection: None) as peer:
        results = look(peer)
    assert statuses(results, "ok") == {"url", "dns", "port", "ipv6"}


def test_a_name_without_address_has_no_aaaa_record_to_judge():
    class Nothing(Network):
        def lookup(self, host, port):
            raise socket.gaierror(-2, "Name or service not known")

    target = Target(parse_url(URL), network=Nothing())
    findings = {one.id: one.run(target).status for one in OUTSIDE}
    assert findings.pop("url") == "ok"
    assert findings.pop("dns") == "fail"
    assert set(findings.values()) == {"skip"}


def test_another_site_shows_nothing_of_the_api(look, pair):
    page = answering(body=b"<h1>Welcome</h1>", content_type="text/html")
    with Peer(page, pair) as peer:
        results = look(peer)
    for name in ("gateway", "body_limit", "compression", "latency"):
        assert (name, results[name].status) == (name, "skip")


def test_a_refusal_before_the_body_is_read_says_nothing_of_its_size(look, pair):
    def behave(connection):
        if read_request(connection).startswith(b"POST"):
            body = b'{"code": 42900, "error": "rate_limited", "msg": "wait"}'
            connection.sendall(
                b"HTTP/1.1 429 X\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
        else:
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(HELLO), HELLO)
            )

    with Peer(behave, pair) as peer:
        assert look(peer, only=["body_limit"])["body_limit"].status == "skip"


def test_a_chain_that_could_not_be_verified_is_not_trusted(look, pair, monkeypatch):
    monkeypatch.setattr(Target, "_verify", lambda target, address: TimeoutError())
    with Peer(answering(), pair) as peer:
        results = look(peer, only=["self_signed"])
    assert results["self_signed"].status == "skip"


def test_a_version_of_tls_that_was_not_answered_is_not_called_refused(pair, monkeypatch):
    """The connection works at first, and is dead when the versions are tried."""
    with Peer(answering(), pair) as peer:
        address = at(peer)
    monkeypatch.setattr(Target, "probes", lambda target: [Probe(address)])
    target = Target(parse_url(URL), network=Network({(NAME, 443): [address]}))
    assert tls_versions.run(target).status == "skip"
    assert tls_old.run(target).status == "skip"


def test_an_address_that_was_not_tried_in_time_is_not_open(monkeypatch):
    monkeypatch.setattr(target_module, "in_parallel", lambda function, items: [])
    target = Target(parse_url(URL), network=Network({(NAME, 443): [at(1)]}))
    assert [each.connect_error is None for each in target.probes()] == [False]


@pytest.mark.parametrize("one", SERVER, ids=lambda one: one.id)
def test_a_server_of_which_nothing_is_known_is_not_ok(one, tmp_path):
    if one.id in ("disk", "wechat"):  # they look themselves
        return
    nothing = Server(letsencrypt=tmp_path, nginx=tmp_path, run=systemctl())
    assert here(one.id, nothing).status == "skip"
