"""The versions of TLS that the server offers."""

import pytest

from tests.doctor.example import GOOD, failing, nginx


@pytest.mark.parametrize(
    ("protocols", "status"),
    [("TLSv1.2 TLSv1.3", "ok"), ("TLSv1.2", "warn"), ("TLSv1.3", "fail")],
)
def test_both_tls_1_2_and_1_3_are_wanted(look, pair, protocols, status):
    with nginx(pair, GOOD, tls=f"ssl_protocols {protocols};") as front:
        results = look(front.port, only=["tls", "tls_versions", "tls_old", "route"])
    assert results["tls_versions"].status == status
    assert failing(results) == ({"tls_versions"} if status == "fail" else set())
    assert results["tls_old"].status == "ok"


@pytest.mark.parametrize(
    ("protocols", "fails"),
    [("TLSv1 TLSv1.1", {"tls", "tls_versions"}), ("TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", set())],
)
def test_tls_1_1_warns(look, pair, protocols, fails):
    tls = f"ssl_protocols {protocols}; ssl_ciphers ALL:@SECLEVEL=0;"
    with nginx(pair, GOOD, tls=tls) as front:
        results = look(front.port, only=["tls", "tls_versions", "tls_old"])
    assert failing(results) == fails
    assert results["tls_old"].status == "warn"
    assert results["tls_old"].evidence.en == "TLS 1.1 is offered"
