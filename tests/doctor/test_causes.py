"""From a symptom to what it means, and to the checks."""

import re
import time

import pytest

from doctor import OUTSIDE, SERVER, SYMPTOMS, explain
from doctor.texts import EMPTY
from myapi.cli.doctor import APP_CHECKS
from myapi.web.errors import REGISTRY
from tests.doctor.wordings import OTHERS, PHONE, UNKNOWN, as_text

EVERY = [*OUTSIDE, *SERVER, *APP_CHECKS]

#: The API's errors that share a symptom with answers that are not the API's.
SHARED = {
    "decrypt_failed": "clock",
    "not_found": "not_found",
    "payload_too_large": "too_large",
    "internal_error": "failing",
    "wechat_misconfigured": "login",
    "wechat_unavailable": "login_slow",
    "service_unavailable": "failing",
    "wechat_timeout": "login_slow",
}


@pytest.mark.parametrize(("errno", "message", "symptom"), PHONE)
def test_what_a_phone_says_is_explained(errno, message, symptom):
    assert explain(as_text(errno, message), EVERY).symptom == symptom


@pytest.mark.parametrize(("text", "symptom"), OTHERS)
def test_what_people_write_is_explained(text, symptom):
    assert explain(text, EVERY).symptom == symptom


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_unknown_text_has_neither_meaning_nor_cause(text):
    assert explain(text, EVERY) == ("", EMPTY, EMPTY, [])


@pytest.mark.parametrize("name", SYMPTOMS)
def test_the_words_of_a_symptom_lead_to_it(name):
    """The client shows them, and the demo puts them into a command to copy."""
    for text in SYMPTOMS[name].text:
        assert explain(text, EVERY).symptom == name


@pytest.mark.parametrize("name", REGISTRY)
def test_every_error_of_the_api_is_explained_by_name_and_code(name):
    kind = REGISTRY[name]
    wanted = SHARED.get(name, name)
    for text in (
        name,
        str(kind.code),
        f'{{"code": {kind.code}, "error": "{name}", "msg": "{kind.msg}"}}',
        f"statusCode {kind.status} {name}",
    ):
        assert explain(text, EVERY).symptom == wanted, text


@pytest.mark.parametrize(
    "number",
    [
        *(5, 112, *range(600000, 600012), 602000, 602001, 602300, *range(603300, 603304)),
        *(1400001, 1402101, *range(-4, 0), 400, 401, 503),
        *(20001, 20002, 20003, 20004, 20005, 20013),
    ],
)
def test_every_number_of_a_phone_has_a_meaning(number):
    word = "statusCode" if 400 <= number < 600 else "errno"
    assert explain(f"{word} {number}", EVERY).meaning != EMPTY


#: Chromium's net_error_list.h, -107 to -217 without what is no matter of TLS, and Apple's.
TLS = [
    *(-107, -110, -112, -113, -114, -117, -122, -123, -125, -126, -134, -135, -141, -148, -149),
    *(-150, -151, -153, -156, -159, -164, -167, -172, -177, -178, -179, -180, -181, -182, -183),
    *(-184, *range(-208, -199), *range(-215, -209), -217, -218, *range(-1206, -1199), -1022),
    *(-9800, -9801, -9802, -9807, -9808, -9812, -9813, -9814, -9815, -9824, -9836, -9843),
]


@pytest.mark.parametrize("number", TLS)
def test_every_number_of_tls_is_explained_and_more_than_as_a_failing_network(number):
    found = explain(f"request:fail errcode:{number} cronet_error_code:{number}", EVERY)
    assert found.symptom in {
        *("certificate", "certificate_name", "certificate_date", "tls_version", "ssl"),
        *("client_certificate", "cleartext"),
    }
    assert found.causes


@pytest.mark.parametrize(
    "name",
    [
        *("phone_refused", "phone_unavailable", "picture_missing", "nickname_review"),
        *("messages_refused", "messages_off", "template_invalid", "messages_unavailable"),
    ],
)
def test_what_the_client_and_the_log_say_by_name_is_explained(name):
    assert explain(f"error {name}", EVERY).symptom == name


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("request:fail", "port"),
        ("errno 600001", "port"),
        ("600002", "url"),
        ("request:fail timeout", "port"),
        ("net::ERR_NAME_NOT_RESOLVED (-105) in errno 600001", "dns"),
        ("-202", "chain"),
        ("-200", "name"),
        ("-201", "dates"),
        ("404", "route"),
        ("502", "gateway"),
        ("413", "body_limit"),
        ("wechat_misconfigured", "account"),
        ("40029", "account"),
        ("40164", "allow_list"),
        ("service_unavailable", "database"),
        ("development_only", "environment"),
        ("works in the tool, not on the phone", "url"),
    ],
)
def test_the_likeliest_cause_comes_first(text, first):
    assert explain(text, EVERY).causes[0].id == first


def test_40029_asks_for_the_appid_of_the_project():
    for text in explain("40029", EVERY).meaning:
        assert "详情 → 基本信息" in text
        assert "MYAPI_WECHAT_APPID" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("errno 112", ["用户隐私保护指引"]),
        ("errno 1400001", ["付费管理"]),
        ("phone_code_invalid 40029", ["wx.login", "5 ", "bindgetphonenumber"]),
        ("phone_code_invalid 40013", ["详情 → 基本信息", "MYAPI_WECHAT_APPID"]),
        ("phone_code_invalid", ["wx.login", "5 ", "AppID", "bindgetphonenumber"]),
    ],
)
def test_what_can_go_wrong_with_a_phone_number_says_what_to_do(text, words):
    for meaning in explain(text, EVERY).meaning:
        assert [word for word in words if word not in meaning] == []


def test_every_symptom_has_at_most_three_checks_that_exist():
    ids = {one.id for one in EVERY}
    for name, symptom in SYMPTOMS.items():
        assert len(symptom.checks) <= 3, name
        assert set(symptom.checks) <= ids, name
        assert len(symptom.meaning.en) > 10
        assert re.search(r"[\u4e00-\u9fff]", symptom.meaning.zh)


@pytest.mark.parametrize(
    "part", ["a", "-1 ", "request:fail ", "a.b/c ", "/a", "连接", "phone code "]
)
def test_a_long_text_is_read_in_no_time(part):
    started = time.process_time()
    explain(part * (50_000 // len(part)), [*OUTSIDE, *SERVER])
    assert time.process_time() - started < 3
