"""The roots to trust."""

import ssl
import sys
from collections import namedtuple

from doctor import Target, Trust, parse_url, trust
from doctor.network import Network
from doctor.outside.chain import chain
from tests.certificates import Authority
from tests.doctor.example import NAME, URL, at
from tests.tls import Peer, answering


def test_intermediates_of_windows_are_not_used(monkeypatch, authority):
    """A chain with a gap must not pass since Windows happens to have its intermediate."""
    whole = authority.pair(NAME, sends="root intermediate").chain.read_text()
    root, intermediate = (
        ssl.PEM_cert_to_DER_cert(f"{pem.strip()}\n-----END CERTIFICATE-----")
        for pem in whole.split("-----END CERTIFICATE-----")[:2]
    )
    asked = []

    def enum_certificates(store):
        asked.append(store)
        return {
            "ROOT": [
                (root, "x509_asn", True),
                (intermediate, "x509_asn", frozenset({"1.3.6.1.5.5.7.3.4"})),  # for mail alone
                (b"rubbish", "x509_asn", True),
                (b"a list", "pkcs_7_asn", True),
            ],
            "CA": [(intermediate, "x509_asn", True)],
        }[store]

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ssl, "enum_certificates", enum_certificates, raising=False)
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: namedtuple("Paths", "capath")(None)
    )
    trust = Trust()
    assert asked == ["ROOT"]
    assert trust.roots() == [root]
    assert trust.has_roots
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        target = Target(parse_url(URL), network=Network({(NAME, 443): [at(peer)]}), trust=trust)
        assert chain.run(target).status == "fail"


def test_root_missing_on_windows_is_skipped(monkeypatch, authority, tmp_path):
    """Windows downloads a root when it is needed."""
    pem = Authority(tmp_path, "Another Root").file.read_text()
    store = [(ssl.PEM_cert_to_DER_cert(pem), "x509_asn", True)]
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ssl, "enum_certificates", lambda _: store, raising=False)
    with Peer(answering(), authority.pair(NAME)) as peer:
        network = Network({(NAME, 443): [at(peer)]})
        found = chain.run(Target(parse_url(URL), network=network, trust=Trust()))
    assert (found.status, "on demand" in found.evidence.en) == ("skip", True)


def test_roots_of_the_system_are_found_if_python_looks_elsewhere(monkeypatch, authority):
    monkeypatch.setattr(trust, "ROOT_FILES", ("/nowhere.pem", str(authority.file)))
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: namedtuple("Paths", "capath")(None)
    )
    monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda context: None)
    assert len(Trust().roots()) == 1
