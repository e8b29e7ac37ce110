"""A domain that the network blocks."""

import pytest

from tests.doctor.example import NAME, failing
from tests.tls import Peer, answering


def test_reset_for_this_name_only_is_an_icp_block(look, pair):
    with Peer(answering(), pair, resets=NAME) as peer:
        results = look(peer, only=["tls", "icp", "port"])
    assert failing(results) == {"tls", "icp"}
    assert "resets a handshake that names api.example.com" in results["icp"].evidence.en


@pytest.mark.parametrize(
    "behave",
    [
        answering("403 Forbidden", b"<title>Non-compliance ICP Filing</title>", "text/html"),
        answering("403 Forbidden", b"", "text/html", Server="Beaver"),
        answering("302 Found", b"", Location="https://dnspod.example.com/static/webblock.html?d=x"),
        answering("200 OK", "<p>该网站暂时无法访问：域名未备案</p>".encode(), "text/html"),
    ],
    ids=["page", "server", "redirect", "chinese"],
)
def test_block_page_on_port_80_fails(look, pair, behave):
    with Peer(answering(), pair) as peer, Peer(behave) as plain:
        results = look(peer, plain, only=["icp"])
    assert failing(results) == {"icp"}
    assert "block page" in results["icp"].evidence.en


def test_filing_number_in_a_footer_is_ok(look, pair):
    page = '<a href="https://beian.miit.gov.cn">京ICP备12345678号</a>'.encode()
    with Peer(answering(), pair) as peer, Peer(answering(body=page)) as plain:
        assert look(peer, plain, only=["icp"])["icp"].status == "ok"
