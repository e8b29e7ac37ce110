"""Parsing certificates."""

import contextlib
import random
import ssl

import pytest
from cryptography import x509

from doctor.certificates import common_name, parse_certificate, read_certificate, sent_chain
from tests.doctor.example import NAME


def test_certificate_is_parsed_as_the_cryptography_package_parses_it(authority):

    pair = authority.pair(NAME, "*.example.com", "127.0.0.1", "::1")
    certificate = read_certificate(pair.chain)
    other = x509.load_pem_x509_certificate(pair.chain.read_bytes())
    assert certificate.names == (NAME, "*.example.com", "127.0.0.1", "::1")
    assert certificate.not_after == other.not_valid_after_utc.timestamp()
    assert certificate.not_before == other.not_valid_before_utc.timestamp()
    assert common_name(certificate.issuer) == "Example Intermediate"


def test_broken_certificate_raises_value_error_only(pair):
    der = read_certificate(pair.chain).der
    source = random.Random(7)
    for _ in range(3000):
        broken = bytearray(der[: source.randrange(len(der) + 1)] if source.random() < 0.3 else der)
        for _ in range(source.randrange(1, 6)):
            if broken:
                broken[source.randrange(len(broken))] = source.randrange(256)
        with contextlib.suppress(ValueError):
            common_name(parse_certificate(bytes(broken)).issuer)


@pytest.mark.parametrize("level", ["3.13", "3.10"])
def test_sent_chain_is_read_on_every_python(pair, level):
    """Public since 3.13, where it gives bytes; before, one level below, where it gives PEM."""
    der = read_certificate(pair.chain).der

    class Lower:
        def public_bytes(self):
            return ssl.DER_cert_to_PEM_cert(der)

    class Socket:
        pass

    connection = Socket()
    if level == "3.13":
        connection.get_unverified_chain = lambda: [der]
    else:
        connection._sslobj = Socket()
        connection._sslobj.get_unverified_chain = lambda: [Lower()]
    assert [each.names for each in sent_chain(connection)] == [(NAME,)]
    assert sent_chain(Socket()) is None
