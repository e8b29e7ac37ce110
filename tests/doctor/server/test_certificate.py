"""The certificate on the server's disk."""

import shutil

from doctor import Server
from tests.doctor.example import NAME, failing
from tests.tls import Peer, answering


def test_served_certificate_must_be_the_one_on_disk(look, pair, letsencrypt):
    server = Server(letsencrypt=letsencrypt, nginx=letsencrypt)
    with Peer(answering(), pair) as peer:
        results = look(peer, server=server, only=["certificate_served"])
        assert failing(results) == {"certificate_served"}
        assert "systemctl reload nginx" in results["certificate_served"].fix.en
        shutil.copy(pair.chain, letsencrypt / "live" / NAME / "fullchain.pem")
        assert (
            look(peer, server=server, only=["certificate_served"])["certificate_served"].status
            == "ok"
        )


def test_certificate_is_found_in_the_configuration_of_nginx(look, pair, authority, tmp_path):
    (tmp_path / "conf.d").mkdir()
    config = tmp_path / "conf.d" / "api.conf"
    config.write_text(f"server {{ server_name x {NAME};\n  ssl_certificate {pair.chain};\n }}")
    server = Server(letsencrypt=tmp_path / "none", nginx=tmp_path)
    with Peer(answering(), pair) as peer:
        results = look(peer, server=server, only=["certificate_served"])
        assert results["certificate_served"].evidence.en == f"the same as in {pair.chain}"
        config.write_text("server { server_name other.example.com; }")
        assert (
            look(peer, server=server, only=["certificate_served"])["certificate_served"].status
            == "skip"
        )
        named = Server(certificate=tmp_path / "gone.pem")
        assert (
            look(peer, server=named, only=["certificate_served"])["certificate_served"].status
            == "skip"
        )
