"""The TLS handshake."""

from doctor import deadlines
from tests.doctor.example import failing, nginx
from tests.tls import Peer, answering


def test_plain_http_on_port_443_fails(look, monkeypatch):
    monkeypatch.setattr(deadlines, "STEP", 1.5)
    with Peer(answering()) as peer:  # it waits for the rest of what is no request
        results = look(peer)
    assert failing(results) == {"plain_http", "tls"}
    assert results["plain_http"].evidence.en == "port 443 answers plain HTTP (200)"
    assert "listen 443 ssl" in results["plain_http"].fix.en


def test_plain_http_of_nginx_fails_and_its_tls_is_ok(look, pair):
    with nginx(pair, "", plain="return 200;") as front:
        assert "plain_http" in failing(look(front.plain, only=["plain_http"]))
        assert look(front.port, only=["plain_http"])["plain_http"].status == "ok"


def test_connection_reset_for_any_name_is_not_an_icp_block(look):
    def behave(connection):
        connection.recv(10)

    with Peer(behave) as peer:
        results = look(peer, only=["tls", "icp"])
    assert failing(results) == {"tls"}
    assert results["tls"].evidence.en == "127.0.0.1: connection reset"
