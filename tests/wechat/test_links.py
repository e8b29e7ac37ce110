"""Links: what is asked, which arguments are refused, and what counts as a link."""

import json
import logging
from datetime import datetime, timedelta, timezone

import pytest

from myapi import wechat
from myapi.wechat import errcodes
from myapi.wechat.replies import read_reply
from myapi.wechat.sandbox import FAULTS
from myapi.wechat.token_row import MemoryTokenStore

TOKEN = {"access_token": "a-token", "expires_in": 7200}
URL_LINK, SCHEME = "https://wxaurl.cn/BQZRrcFCPvg", "weixin://dl/business/?t=XTSkBZlzqmn"
PATHS = {"url_link": "/wxa/generate_urllink", "url_scheme": "/wxa/generatescheme"}
GOOD = {"errcode": 0, "errmsg": "ok", "url_link": URL_LINK, "openlink": SCHEME}

both = pytest.mark.parametrize("method", ["url_link", "url_scheme"])


def refused(client, method, *arguments, **more):
    with pytest.raises(wechat.WeChatError) as caught:
        getattr(client, method)(*arguments, **more)
    return caught.value


def sent(server):
    """Return the line and the body of the last request."""
    head, body = server.requests[-1].split("\r\n\r\n")
    return head.split("\r\n")[0], json.loads(body)


def in_future(span):
    return datetime.now(timezone.utc) + span


def from_now(arguments):
    """Make a time of a span that stands for one."""
    until = arguments.get("until")
    return {**arguments, "until": in_future(until)} if isinstance(until, timedelta) else arguments


def short(value):
    return repr(value)[:50]


def test_request_for_a_link_is_as_the_document_says(make_client, answering):
    server = answering(TOKEN, GOOD)
    link = make_client(server.url).url_link("pages/a/a", "id=7&n=%E5", days=7, env_version="trial")
    assert link == URL_LINK
    line, body = sent(server)
    assert line == "POST /wxa/generate_urllink?access_token=a-token HTTP/1.1"
    assert body == {
        "path": "pages/a/a",
        "query": "id=7&n=%E5",
        "env_version": "trial",
        "expire_type": 1,
        "expire_interval": 7,
    }


def test_request_for_a_scheme_is_as_the_document_says(make_client, answering):
    server = answering(TOKEN, GOOD)
    until = in_future(timedelta(days=3)).astimezone(timezone(timedelta(hours=8)))
    link = make_client(server.url).url_scheme("/pages/a/a", "id=7", until=until)
    assert link == SCHEME
    line, body = sent(server)
    assert line == "POST /wxa/generatescheme?access_token=a-token HTTP/1.1"
    assert body == {
        "jump_wxa": {"path": "/pages/a/a", "query": "id=7", "env_version": "release"},
        "is_expire": True,
        "expire_type": 0,
        "expire_time": int(until.timestamp()),
    }


@both
@pytest.mark.parametrize("nothing", [None, ""])
def test_without_arguments_the_home_page_opens_for_30_days(make_client, answering, method, nothing):
    server = answering(TOKEN, GOOD)
    getattr(make_client(server.url), method)(nothing, nothing)
    _, body = sent(server)
    assert (body["expire_type"], body["expire_interval"]) == (1, 30)
    assert body.get("jump_wxa", body).keys().isdisjoint({"path", "query"})


@both
@pytest.mark.parametrize(
    "more",
    [
        {"days": 1},
        {"days": 30},
        {"until": timedelta(minutes=2)},
        {"until": timedelta(days=30)},
        {"query": "a" * 1024},
        {"query": "!#$&'()*+,/:;=?@-._~%"},
        {"path": "/pages/a/a"},
        {"env_version": "develop"},
    ],
    ids=short,
)
def test_arguments_that_wechat_takes_give_a_link(client, method, more):
    assert getattr(client, method)(**from_now(more)).startswith(
        ("https://wxaurl.cn/", "weixin://dl/")
    )


@both
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"path": "pages/a?b=1"}, "no query"),
        ({"path": "pages/a#b"}, "no #"),
        ({"path": "pages/a b"}, "no spaces"),
        ({"path": "pages/\ud800"}, "no spaces"),
        ({"path": 7}, "path"),
        ({"query": "a" * 1025}, "at most 1024"),
        ({"query": "name=小明"}, "percent-encode"),
        ({"query": "a b"}, "percent-encode"),
        ({"query": "a=1\n"}, "percent-encode"),
        ({"query": {"a": 1}}, "percent-encode"),
        ({"env_version": "production"}, "release, trial, develop"),
        ({"days": 0}, "1 to 30"),
        ({"days": 31}, "1 to 30"),
        ({"days": 1.5}, "1 to 30"),
        ({"days": True}, "1 to 30"),
        ({"days": 1, "until": timedelta(days=1)}, "not both"),
        ({"until": datetime(2030, 1, 1)}, "time zone"),  # noqa: DTZ001 (that is the mistake)
        ({"until": timedelta(seconds=30)}, "one minute to 30 days"),
        ({"until": timedelta(days=-1)}, "one minute to 30 days"),
        ({"until": timedelta(days=31)}, "one minute to 30 days"),
    ],
    ids=short,
)
def test_mistake_of_the_caller_is_a_value_error_without_a_call(
    client, sandbox, method, arguments, why
):
    with pytest.raises(ValueError, match=why):
        getattr(client, method)(**from_now(arguments))
    assert not sandbox.calls()


# ---- answers ----


@pytest.mark.parametrize(
    "link", [URL_LINK, "https://wxmpurl.cn/a", "https://example.com/a?b=c&d=%20~"]
)
def test_url_link_may_have_any_host(make_client, answering, link):
    client = make_client(answering(TOKEN, {**GOOD, "url_link": link}).url)
    assert client.url_link() == link


UNUSABLE = [
    None,
    7,
    "",
    [URL_LINK],
    {"url": URL_LINK},
    "http://wxaurl.cn/a",
    "javascript:alert(1)",
    "//wxaurl.cn/a",
    " https://wxaurl.cn/a",
    "https://wxaurl.cn/a\n",
    "https://wxaurl.cn/a b",
    'https://wxaurl.cn/"><script>',
    "https://wxaurl.cn/<",
    "https://wxaurl.cn/小",
    "https://wxaurl.cn@evil.example/a",
    "https:///a",
    "https://wxaurl.cn/" + "a" * 600,
    "weixin:dl/business",
    "weixin://",
    "weixin://dl/ business",
    "weixin://dl/\u202e",
    "weixin://" + "a" * 600,
]


@both
@pytest.mark.parametrize("link", UNUSABLE, ids=short)
def test_unusable_answer_is_no_link(make_client, answering, method, link):
    server = answering(TOKEN, {**GOOD, "url_link": link, "openlink": link})
    assert type(refused(make_client(server.url), method)) is wechat.Unavailable


@both
@pytest.mark.parametrize(
    "answer",
    [{}, [], "x", {"errcode": 0}, {**GOOD, "errcode": "0"}, b"<html>", b"", b"\xff\xd8\xff"],
    ids=short,
)
def test_answer_without_a_link_is_unavailable(make_client, answering, method, answer):
    if isinstance(answer, dict):
        answer = {k: v for k, v in answer.items() if "link" not in k} | {"errcode": 0}
    server = answering(TOKEN, answer)
    assert type(refused(make_client(server.url), method)) is wechat.Unavailable


def test_each_call_reads_its_own_field(make_client, answering):
    swapped = {**GOOD, "url_link": SCHEME, "openlink": URL_LINK}
    for method in ("url_link", "url_scheme"):
        client = make_client(answering(TOKEN, swapped).url)
        assert type(refused(client, method)) is wechat.Unavailable


@pytest.mark.parametrize(("errcode", "error"), errcodes.LINK.items())
def test_errcode_becomes_its_error(errcode, error):
    with pytest.raises(wechat.WeChatError) as caught:
        read_reply(json.dumps({"errcode": errcode, "errmsg": "why"}).encode(), errcodes.LINK)
    assert (type(caught.value), caught.value.errcode) == (error, errcode)


@both
@pytest.mark.parametrize("errcode", [40002, 40013, 85407, 85408])
def test_missing_right_is_not_told_as_a_wrong_appid(
    make_client, answering, caplog, method, errcode
):
    """Elsewhere 40013 is a wrong AppID."""
    server = answering(TOKEN, {"errcode": errcode, "errmsg": "no"})
    error = refused(make_client(server.url), method)
    assert isinstance(error, wechat.LinksForbidden)
    assert error.name == "wechat_misconfigured"
    assert "may not make links" in caplog.text
    assert "AppID is not" not in caplog.text


@both
@pytest.mark.parametrize("kind", [*FAULTS, "44990", "85079"])
def test_fault_is_an_error(make_client, sandbox, server, method, kind):
    store = MemoryTokenStore()
    getattr(make_client(server.url, token_store=store), method)()  # fetches the access_token
    sandbox.set_fault(kind, 2)
    hasty = make_client(server.url, token_store=store, timeout=0.3)
    assert isinstance(refused(hasty, method), wechat.WeChatError)


@both
@pytest.mark.parametrize("kind", ["busy", "40001"])
def test_busy_wechat_and_a_refused_token_are_not_noticed(client, sandbox, method, kind):
    getattr(client, method)()
    sandbox.set_fault(kind, 1)
    assert getattr(client, method)()
    assert sandbox.calls()[PATHS[method]] == 3


@both
def test_each_call_makes_another_link(client, method):
    assert getattr(client, method)() != getattr(client, method)()


@both
def test_token_and_query_come_out_nowhere(make_client, answering, caplog, method):
    caplog.set_level(logging.DEBUG)
    said = {"errcode": 40212, "errmsg": "invalid query invite=hush a-token"}
    client = make_client(answering(TOKEN, said).url)
    error = refused(client, method, "pages/a/a", "invite=hush")
    assert error.detail == "invalid query *** ***"
    assert "hush" not in caplog.text
    assert "a-token" not in caplog.text
