"""From a symptom to the checks."""

import pytest

from doctor import OUTSIDE, SERVER, SYMPTOMS, explain
from doctor.causes import FREQUENT
from doctor.texts import EMPTY
from myapi.cli.doctor import APP_CHECKS


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
        ("ssl hand shake error", "self_signed"),
        ("net::ERR_CERT_DATE_INVALID (-201) in errno 600001", "dates"),
        ("证书与域名不符", "name"),
        ("404", "route"),
        ("502", "gateway"),
        ("502 Bad Gateway", "app"),
        ("413", "body_limit"),
        ("works in the tool, not on the phone", "chain"),
        ("开发者工具正常真机不行", "chain"),
        ("开发者工具正常真机不行", "url"),
        ("安卓访问不了", "chain"),
        ("40164", "allow_list"),
        ("invalid ip, not in whitelist", "allow_list"),
        ("40125", "account"),
        ("decrypt_failed", "clock"),
        ("证书过期", "dates"),
    ],
)
def test_usual_wordings_lead_to_the_checks(wording, name):
    causes = explain(wording, OUTSIDE + SERVER).causes
    assert name in [each.id for each in causes]
    assert len(causes) <= 3


@pytest.mark.parametrize(
    ("wording", "name"),
    [
        ("errno 600001", "port"),
        ("600002", "url"),
        ("request:fail timeout", "port"),
        ("net::ERR_NAME_NOT_RESOLVED (-105) in errno 600001", "dns"),
        ("-202", "chain"),
        ("-200", "name"),
        ("-201", "dates"),
        ("证书过期", "dates"),
        ("404", "route"),
        ("502", "gateway"),
        ("wechat_misconfigured", "account"),
        ("works in the tool, not on the phone", "url"),
    ],
)
def test_the_likeliest_cause_comes_first(wording, name):
    assert explain(wording, OUTSIDE + SERVER).causes[0].id == name


def test_the_meaning_is_the_symptom_in_wechats_words():
    assert explain("600002", OUTSIDE).meaning == SYMPTOMS["domain_list"].text
    assert explain("request:fail", OUTSIDE).meaning == SYMPTOMS["network"].text
    assert explain("request:fail timeout", OUTSIDE).meaning == SYMPTOMS["timeout"].text


def test_an_unknown_wording_has_neither_meaning_nor_cause():
    assert explain("purple", OUTSIDE + SERVER) == (EMPTY, [])


def test_frequent_causes_are_checks():
    ids = {one.id for one in [*OUTSIDE, *SERVER, *APP_CHECKS]}
    assert set(FREQUENT) <= ids
