"""The certificate chain."""

import shutil
import ssl
from collections import namedtuple

from doctor import target, trust
from doctor.outside.chain import judge_order
from tests.doctor.example import NAME, failing
from tests.tls import Peer, answering


def test_missing_intermediate_fails(look, authority):
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        results = look(peer)
    assert failing(results) == {"chain"}
    assert "its issuer Example Intermediate is missing" in results["chain"].evidence.en
    assert "-202" in results["chain"].symptom.en
    assert "开发者工具里正常，真机上不行" in results["chain"].symptom.zh


def test_chain_completed_by_this_computer_only_fails(look, authority, tmp_path):
    both = tmp_path / "both.pem"
    whole = authority.pair(NAME, sends="intermediate root").chain
    shutil.copy(whole, both)
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        results = look(peer, ca=str(both), only=["chain"])
    assert failing(results) == {"chain"}
    assert "it happens to be known to this computer" in results["chain"].evidence.en


def test_chain_in_wrong_order_warns(look, authority):
    pair = authority.pair(NAME, sends="leaf root intermediate")
    with Peer(answering(), pair) as peer:
        assert look(peer, only=["chain"])["chain"].status == "ok"
    assert judge_order("abd", "ad", "root").status == "warn"


def test_self_signed_certificate_fails(look, authority):
    pair = authority.pair(NAME, self_signed=True, sends="leaf")
    with Peer(answering(), pair) as peer:
        results = look(peer)
    assert failing(results) == {"self_signed"}
    assert results["self_signed"].evidence.en == "the certificate is self-signed"


def test_private_authority_fails(look, authority):
    with Peer(answering(), authority.pair(NAME, sends="leaf intermediate root")) as peer:
        results = look(peer, ca=None, only=["chain", "self_signed"])
    assert failing(results) == {"self_signed"}
    assert results["self_signed"].evidence.en == "its authority Example Root is private"


def test_unknown_authority_fails(look, pair):
    with Peer(answering(), pair) as peer:
        results = look(peer, ca=None, only=["chain"])
    assert failing(results) == {"chain"}
    assert results["chain"].evidence.en.startswith("Example Root is neither sent nor")


def test_chain_is_skipped_without_roots(look, pair, monkeypatch):
    monkeypatch.setattr(trust, "load_system_roots", lambda context: None)
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: namedtuple("Paths", "capath")(None)
    )
    with Peer(answering(), pair) as peer:
        results = look(peer, ca=None, only=["chain"])
    assert results["chain"].status == "skip"
    assert "--ca" in results["chain"].evidence.en


def test_chain_is_judged_by_openssl_if_python_hides_it(look, pair, authority, monkeypatch):
    monkeypatch.setattr(target, "sent_chain", lambda tls: None)
    only = ["chain", "self_signed", "name", "dates", "old_phones"]
    with Peer(answering(), pair) as peer:
        results = look(peer, only=only)
    assert results.pop("self_signed").status == "ok"  # OpenSSL has verified it
    assert {each.status for each in results.values()} == {"skip"}
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        assert failing(look(peer, only=only)) == {"chain"}
