"""The certificate chain."""

import shutil
import ssl
from collections import namedtuple

from doctor import target, trust
from doctor.outside.chain import judge_order
from tests.doctor.example import NAME, failing
from tests.tls import Peer, answering


def test_a_chain_without_its_intermediate(look, authority):
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        results = look(peer)
    assert failing(results) == {"chain"}
    assert "its issuer Example Intermediate is missing" in results["chain"].evidence.en
    assert "-202" in results["chain"].symptom.en
    assert "开发者工具里正常，真机上不行" in results["chain"].symptom.zh


def test_a_chain_that_only_this_computer_completes(look, authority, tmp_path):
    both = tmp_path / "both.pem"
    whole = authority.pair(NAME, sends="intermediate root").chain
    shutil.copy(whole, both)
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        results = look(peer, ca=str(both), only=["chain"])
    assert failing(results) == {"chain"}
    assert "it happens to be known to this computer" in results["chain"].evidence.en


def test_a_chain_in_the_wrong_order(look, authority):
    pair = authority.pair(NAME, sends="leaf root intermediate")
    with Peer(answering(), pair) as peer:
        assert look(peer, only=["chain"])["chain"].status == "ok"
    assert judge_order("abd", "ad", "root").status == "warn"


def test_a_self_signed_certificate(look, authority):
    pair = authority.pair(NAME, self_signed=True, sends="leaf")
    with Peer(answering(), pair) as peer:
        results = look(peer)
    assert failing(results) == {"self_signed"}
    assert results["self_signed"].evidence.en == "the certificate is self-signed"


def test_a_private_authority_that_phones_do_not_know(look, authority):
    with Peer(answering(), authority.pair(NAME, sends="leaf intermediate root")) as peer:
        results = look(peer, ca=None, only=["chain", "self_signed"])
    assert failing(results) == {"self_signed"}
    assert results["self_signed"].evidence.en == "its authority Example Root is private"


def test_an_authority_that_nobody_knows(look, pair):
    with Peer(answering(), pair) as peer:
        results = look(peer, ca=None, only=["chain"])
    assert failing(results) == {"chain"}
    assert results["chain"].evidence.en.startswith("Example Root is neither sent nor")


def test_where_no_root_is_found_it_says_so(look, pair, monkeypatch):
    monkeypatch.setattr(trust, "load_system_roots", lambda context: None)
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: namedtuple("Paths", "capath")(None)
    )
    with Peer(answering(), pair) as peer:
        results = look(peer, ca=None, only=["chain"])
    assert results["chain"].status == "skip"
    assert "--ca" in results["chain"].evidence.en


def test_where_the_chain_cannot_be_read_the_verdict_is_what_there_is(
    look, pair, authority, monkeypatch
):
    monkeypatch.setattr(target, "sent_chain", lambda tls: None)
    only = ["chain", "self_signed", "name", "dates", "old_phones"]
    with Peer(answering(), pair) as peer:
        assert {each.status for each in look(peer, only=only).values()} == {"skip"}
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        assert failing(look(peer, only=only)) == {"chain"}
