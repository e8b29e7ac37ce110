"""From a symptom to the checks."""

import pytest

from doctor import OUTSIDE, SERVER, explain


@pytest.mark.parametrize(
    ("wording", "name"),
    [
        ("request:fail", "port"),
        ("errno 600001", "port"),
        ("errno: 600001", "tls"),
        ("600002", "url"),
        ("url not in domain list", "url"),
        ("不在以下 request 合法域名列表中", "url"),
        ("errno 5", "latency"),
        ("5", "port"),
        ("request:fail timeout", "latency"),
        *[(f"errno -{n}", "tls") for n in range(1, 5)],
        *[(f"errcode:-{n}", "port") for n in range(1, 5)],
        ("-202", "chain"),
        ("net::ERR_CERT_AUTHORITY_INVALID", "self_signed"),
        ("ssl hand shake error", "chain"),
        ("ssl hand shake error", "tls_versions"),
        ("404", "route"),
        ("502", "gateway"),
        ("502 Bad Gateway", "app"),
        ("413", "body_limit"),
        ("works in the tool, not on the phone", "chain"),
        ("开发者工具正常真机不行", "chain"),
        ("开发者工具正常真机不行", "url"),
        ("安卓访问不了", "ipv6"),
        ("40164", "allow_list"),
        ("invalid ip, not in whitelist", "allow_list"),
        ("40125", "account"),
        ("decrypt_failed", "clock"),
        ("证书过期", "dates"),
    ],
)
def test_the_usual_wordings_lead_to_the_checks(wording, name):
    found = explain(wording, OUTSIDE + SERVER)
    assert name in [each.id for each in found]


def test_a_wording_does_not_lead_everywhere():
    every = OUTSIDE + SERVER
    for wording in ("600002", "404", "413", "502", "40164", "-202", "errno 5"):
        assert 0 < len(explain(wording, every)) < len(every) / 2, wording
    assert explain("-202", every)[0].id in ("chain", "self_signed", "name")
    assert explain("works in the tool, not on the phone", every)[0].id == "chain"
    assert explain("purple", every) == []
