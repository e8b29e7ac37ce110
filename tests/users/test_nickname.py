"""Nicknames: blank ones are refused, and with MYAPI_CONTENT_CHECK WeChat judges the others."""

import json
import logging
import sys
import unicodedata

import pytest

from myapi.observability.logs import JsonFormatter
from myapi.settings import SANDBOX_APPID
from tests.service import at_once

CHECK = "/wxa/msg_sec_check"
ODD = [
    "html",
    "empty",
    "wrong_types",
    "huge",
    "redirect",
    "http_500",
    "closed",
    61010,
    45009,
    48001,
]


@pytest.fixture
def phone(make_app, sign_in):
    """Alice's phone, at a service that checks nicknames."""
    return sign_in("alice", make_app(content_check=True).test_client())


@pytest.fixture
def asked(wechat):
    """Return how many texts WeChat was asked about."""
    return lambda: wechat.sandbox.calls().get(CHECK, 0)


@pytest.fixture
def reviews(caplog):
    """Return what a person has to look at."""

    def reviews():
        lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
        return [
            {name: line[name] for name in ("level", "user", "outcome", "label", "errcode")}
            for line in lines
            if line.get("event") == "nickname_review"
        ]

    return reviews


def rename(phone, nickname):
    return phone.put("/api/me", {"nickname": nickname})


def name_of(phone):
    return phone.get("/api/me").get_json()["data"]["nickname"]


# ---- blank ones ----


@pytest.mark.parametrize(
    "nickname",
    [
        "",
        " ",
        "\u3000\u00a0 ",
        "\u200b",
        "\u200d\u200c\u2060\ufeff",
        "\u202e",
        "\u00ad",
        "\u3164",
        "\u115f\u1160\uffa0",
        "\u2800\u2800",
        "\u034f\u17b5\u180e",
        "\ufe0f",
        "\U000e0020\U000e007f",
        "\U000e0100",
        "\U0001d173",
        "\u200b" * 32,
    ],
    ids=ascii,
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nickname_that_shows_nothing_is_refused(sign_in, nickname):
    phone = sign_in("alice")
    answer = rename(phone, nickname)
    assert answer.status_code == 400
    (field,) = answer.get_json()["fields"]
    assert (field["field"], field["rule"], field["limit"]) == ("nickname", "format", "visible")
    assert name_of(phone) is None


@pytest.mark.parametrize(
    "nickname",
    [
        "a",
        " a ",
        "\u3164a",
        "👨‍👩‍👧",
        "❤️",
        "نام\u200cها",
        "ㅤ名",
        "-",
        "\U0001f3f4\U000e0067\U000e007f",
        "ก็",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nickname_that_shows_something_is_stored_as_it_is(sign_in, nickname):
    assert rename(sign_in("alice"), nickname).get_json()["data"]["nickname"] == nickname


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_space_and_format_character_of_unicode_is_blank(sign_in):
    every = map(chr, range(sys.maxunicode + 1))
    blank = [each for each in every if unicodedata.category(each) in {"Cf", "Zs"}]
    assert len(blank) > 150
    phone = sign_in("alice")
    pieces = ["".join(blank[start : start + 32]) for start in range(0, len(blank), 32)]
    assert {rename(phone, piece).status_code for piece in pieces} == {400}


# ---- checked ones ----


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_is_checked_unless_the_setting_is_on(sign_in, asked):
    phone = sign_in("alice")
    assert rename(phone, "risky").get_json()["data"]["nickname"] == "risky"
    assert asked() == 0


def test_fine_nickname_is_stored(phone, asked, reviews):
    assert rename(phone, "小明").get_json()["data"] == {**phone.user, "nickname": "小明"}
    assert (asked(), reviews()) == (1, [])


@pytest.mark.on_mysql
def test_risky_nickname_is_refused_and_nothing_is_stored(phone, execute, reviews):
    rename(phone, "before")
    url = "https://example.com/a.png"
    answer = phone.put("/api/me", {"nickname": "risky one", "avatar_url": url})
    assert (answer.status_code, answer.get_json()["code"]) == (400, 40004)
    assert answer.get_json()["error"] == "content_risky"
    assert execute("SELECT nickname, avatar_url FROM users") == [("before", None)]
    assert reviews() == []


@pytest.mark.on_mysql
def test_nickname_to_review_is_stored_and_recorded_with_its_label(phone, reviews):
    assert rename(phone, "review me").get_json()["data"]["nickname"] == "review me"
    assert reviews() == [
        {
            "level": "warning",
            "user": phone.user["id"],
            "outcome": "review",
            "label": 21000,
            "errcode": None,
        }
    ]


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nickname_without_a_verdict_is_stored_and_recorded(phone, wechat, reviews, kind):
    rename(phone, "fetches the access_token")
    wechat.sandbox.set_fault(kind, 1)
    assert rename(phone, "Alice").get_json()["data"]["nickname"] == "Alice"
    (review,) = reviews()
    assert review["user"] == phone.user["id"]
    assert review["outcome"].startswith(("wechat_", "rate_limited"))
    assert review["errcode"] == (kind if isinstance(kind, int) else None)
    rename(phone, "Bob")
    assert len(reviews()) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_outage_of_wechat_stops_no_profile(phone, wechat, reviews):
    wechat.close()
    assert rename(phone, "risky").get_json()["data"]["nickname"] == "risky"
    (review,) = reviews()
    assert review["outcome"] == "wechat_unavailable"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_slow_wechat_stops_no_profile(phone, wechat, reviews):
    rename(phone, "fetches the access_token")
    wechat.latency = 3
    assert rename(phone, "Alice").get_json()["data"]["nickname"] == "Alice"
    assert [review["outcome"] for review in reviews()] == ["wechat_timeout"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_full_client_stops_no_profile(make_app, sign_in, wechat, reviews):
    app = make_app(content_check=True, wechat_concurrency=1)
    phones = [sign_in(name, app.test_client()) for name in ("alice", "bob", "carol")]
    rename(phones[0], "fetches the access_token")
    wechat.latency = 1.2
    answers = at_once(*[lambda phone=phone: rename(phone, "new") for phone in phones])
    assert {answer.status_code for answer in answers} == {200}
    assert "service_unavailable" in {review["outcome"] for review in reviews()}
    wechat.latency = 0
    before = len(reviews())
    assert rename(phones[0], "newer").status_code == 200
    assert len(reviews()) == before, "its place is free again"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_a_new_nickname_is_checked(phone, asked):
    rename(phone, "Alice")
    for body in (
        {"nickname": "Alice"},
        {"nickname": None},
        {"nickname": None},
        {"avatar_url": "https://example.com/a.png"},
        {},
        {"nickname": " "},
        {"nickname": "x" * 33},
    ):
        phone.put("/api/me", body)
    assert asked() == 1
    rename(phone, "Alice")
    assert asked() == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_user_erased_during_the_check_stays_erased(
    make_app, sign_in, monkeypatch, execute, reviews
):
    app = make_app(content_check=True)
    phone = sign_in("alice", app.test_client())
    with app.app_context():
        client = type(app.extensions["wechat"]())
    real = client.check_text

    def slow(*arguments, **more):
        verdict = real(*arguments, **more)
        assert phone.delete("/api/me").status_code == 200
        return verdict

    monkeypatch.setattr(client, "check_text", slow)
    assert rename(phone, "review").get_json()["error"] == "session_ended"
    assert execute("SELECT count(*) FROM users") == [(0,)]
    assert reviews() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_log_has_neither_nickname_nor_openid(phone, wechat, caplog):
    caplog.set_level(logging.DEBUG)
    for nickname in ("risky hush", "review hush", "hush"):
        rename(phone, nickname)
    for kind in (61010, "wrong_types"):
        wechat.sandbox.set_fault(kind, 1)
        rename(phone, f"hush {kind}")
    wechat.close()
    rename(phone, "hush hush")
    shown = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "nickname_review" in shown
    for secret in ("hush", wechat.sandbox.openid("alice", SANDBOX_APPID)):
        assert secret not in shown
