"""Checking a text: what is asked, how a long one is cut, and what counts as a verdict."""

import contextlib
import json
import logging
import threading
import time

import pytest

from myapi import wechat
from myapi.wechat import TextScene, TextVerdict, content, errcodes
from myapi.wechat.replies import read_reply
from tests.service import at_once

TOKEN = {"access_token": "a-token", "expires_in": 7200}
GOOD = {
    "errcode": 0,
    "errmsg": "ok",
    "detail": [{"strategy": "keyword", "errcode": 0, "suggest": "pass", "label": 100, "prob": 90}],
    "trace_id": "60ae120f-371d5872-4941a05b",
    "result": {"suggest": "pass", "label": 100},
}
RISKY = {**GOOD, "result": {"suggest": "risky", "label": 20001}}
REVIEW = {**GOOD, "result": {"suggest": "review", "label": 21000}}


def check(client, text="hello", **more):
    return client.check_text("o-someone", text, TextScene.COMMENT, **more)


def refused(client, text="hello", **more):
    with pytest.raises(wechat.WeChatError) as caught:
        check(client, text, **more)
    return caught.value


def sent(server):
    """Return the bodies of the checks that a server was asked for."""
    requests = (request.split("\r\n\r\n") for request in server.requests)
    return [json.loads(body) for head, body in requests if head.startswith("POST /wxa/")]


def test_request_is_as_the_document_says(make_client, answering):
    server = answering(TOKEN, GOOD)
    verdict = make_client(server.url).check_text(
        "o-someone",
        "你好 & <b>",
        TextScene.PROFILE,
        title="t1",
        nickname="小明",
        signature="s1",
    )
    assert verdict == TextVerdict("pass", 100, "60ae120f-371d5872-4941a05b")
    head, body = server.requests[1].split("\r\n\r\n")
    assert head.startswith("POST /wxa/msg_sec_check?access_token=a-token HTTP/1.1")
    assert "你好 & <b>" in body, "in UTF-8, and not escaped"
    assert json.loads(body) == {
        "version": 2,
        "openid": "o-someone",
        "scene": 1,
        "content": "你好 & <b>",
        "title": "t1",
        "nickname": "小明",
        "signature": "s1",
    }


def test_what_is_not_given_is_not_sent(make_client, answering):
    server = answering(TOKEN, GOOD)
    check(make_client(server.url))
    assert sent(server)[0].keys() == {"version", "openid", "scene", "content"}


@pytest.mark.parametrize(("scene", "number"), [*zip(TextScene, (1, 2, 3, 4), strict=True), (3, 3)])
def test_scene_is_sent_as_its_number(make_client, answering, scene, number):
    server = answering(TOKEN, GOOD)
    make_client(server.url).check_text("o-someone", "hello", scene)
    assert sent(server)[0]["scene"] == number


@pytest.mark.parametrize(("text", "scene"), [("", 2), ("hello", 0), ("hello", 5), ("hello", "2")])
def test_mistake_of_the_caller_is_a_value_error(client, sandbox, text, scene):
    with pytest.raises(ValueError):
        client.check_text("o-someone", text, scene)
    assert not sandbox.calls()


@pytest.mark.parametrize(
    ("text", "suggest", "label"),
    [("nice", "pass", 100), ("please review", "review", 21000), ("RISKY review", "risky", 20001)],
)
def test_sandbox_judges_by_the_words_in_the_text(client, text, suggest, label):
    openid = client.code_to_session("alice").openid
    verdict = client.check_text(openid, text, TextScene.FORUM)
    assert (verdict.suggest, verdict.label) == (suggest, label)
    beside = client.check_text(openid, "nice", TextScene.PROFILE, nickname=text)
    assert beside.suggest == suggest


def test_sandbox_judges_no_text_of_a_stranger(client):
    assert refused(client).errcode == 40003


# ---- long texts ----


@pytest.mark.parametrize("length", [1, 2499, 2500, 2501, 4900, 4901, 10_000])
def test_long_text_is_cut_into_pieces_that_overlap(make_client, answering, length):
    text = "".join(chr(0x4E00 + number) for number in range(length))
    server = answering(TOKEN, GOOD)
    check(make_client(server.url), text)
    pieces = [body["content"] for body in sent(server)]
    assert max(map(len, pieces)) <= 2500
    for start in range(max(1, length - 100)):
        assert any(text[start : start + 100] in piece for piece in pieces)
    assert len(pieces) == max(1, -(-(length - 100) // 2400))


def test_emoji_at_the_cut_stays_whole(make_client, answering):
    server = answering(TOKEN, GOOD)
    check(make_client(server.url), "😀" * 2501)
    assert {character for body in sent(server) for character in body["content"]} == {"😀"}


@pytest.mark.parametrize(
    ("replies", "suggest", "calls"),
    [
        ([GOOD, GOOD, GOOD], "pass", 3),
        ([GOOD, REVIEW, GOOD], "review", 3),
        ([REVIEW, GOOD, RISKY], "risky", 3),
        ([GOOD, RISKY, GOOD], "risky", 2),
    ],
)
def test_worst_verdict_of_the_pieces_counts(make_client, answering, replies, suggest, calls):
    server = answering(TOKEN, *replies)
    assert check(make_client(server.url), "x" * 7000).suggest == suggest
    assert len(sent(server)) == calls


def test_long_text_has_no_verdict_if_a_piece_has_none(make_client, answering):
    server = answering(TOKEN, GOOD, {"errcode": 45009, "errmsg": "no more"})
    assert type(refused(make_client(server.url), "x" * 5000)) is wechat.QuotaExceeded


# ---- answers ----


@pytest.mark.parametrize(("errcode", "error"), errcodes.TEXT.items())
def test_errcode_becomes_its_error(errcode, error):
    with pytest.raises(wechat.WeChatError) as caught:
        read_reply(json.dumps({"errcode": errcode, "errmsg": "why"}).encode(), errcodes.TEXT)
    assert (type(caught.value), caught.value.errcode) == (error, errcode)


def test_user_who_has_been_away_for_two_hours_has_an_error_of_their_own(make_client, answering):
    server = answering(TOKEN, {"errcode": 61010, "errmsg": "code is expired"})
    caught = refused(make_client(server.url))
    assert type(caught) is wechat.UserAway
    assert caught.name == "wechat_unavailable"


@pytest.mark.parametrize(
    "reply",
    [
        {},
        [],
        "pass",
        {"errcode": 0, "errmsg": "ok"},
        {**GOOD, "errcode": "0"},
        {**GOOD, "result": None},
        {**GOOD, "result": []},
        {**GOOD, "result": "pass"},
        {**GOOD, "result": [{"suggest": "pass", "label": 100}]},
        {**GOOD, "result": {"suggest": "pass"}},
        {**GOOD, "result": {"label": 100}},
        {**GOOD, "result": {"suggest": "PASS", "label": 100}},
        {**GOOD, "result": {"suggest": "", "label": 100}},
        {**GOOD, "result": {"suggest": ["pass"], "label": 100}},
        {**GOOD, "result": {"suggest": {"pass": 1}, "label": 100}},
        {**GOOD, "result": {"suggest": "unknown", "label": 100}},
        {**GOOD, "result": {"suggest": "pass", "label": "100"}},
        {**GOOD, "result": {"suggest": "pass", "label": True}},
        {**GOOD, "result": {"suggest": "pass", "label": 1.5}},
        {**GOOD, "result": {"suggest": "pass", "label": 0}},
        {**GOOD, "result": {"suggest": "pass", "label": -1}},
        {**GOOD, "result": {"suggest": "pass", "label": 2**31}},
        {**GOOD, "trace_id": None},
        {**GOOD, "trace_id": ""},
        {**GOOD, "trace_id": 7},
        {**GOOD, "trace_id": "a b"},
        {**GOOD, "trace_id": "a\n"},
        {**GOOD, "trace_id": "a" * 129},
    ],
    ids=lambda reply: json.dumps(reply)[-70:],
)
def test_unusable_answer_is_no_verdict(make_client, answering, reply):
    assert type(refused(make_client(answering(TOKEN, reply).url))) is wechat.Unavailable


def test_token_that_was_refused_is_replaced(make_client, answering):
    server = answering(
        TOKEN, {"errcode": 40001, "errmsg": "no"}, {**TOKEN, "access_token": "u"}, REVIEW
    )
    assert check(make_client(server.url)).suggest == "review"


@pytest.mark.parametrize("secret", ["hush", "hush 小明", "hush/&", "👩‍🚀hush", "hu\u202esh"])
def test_text_and_openid_come_out_nowhere(make_client, answering, caplog, secret):
    caplog.set_level(logging.DEBUG)
    said = {"errcode": 47001, "errmsg": f"data format error {secret} o-someone, rid: a-b"}
    client = make_client(answering(TOKEN, said).url)
    for more in ({}, {"title": secret}, {"nickname": secret}, {"signature": secret}):
        caught = refused(client, "fine" if more else secret, **more)
        assert caught.detail == "data format error *** ***, rid: a-b"
    assert "hush" not in caplog.text
    assert "o-someone" not in caplog.text


# ---- time and places ----


def test_timeout_ends_a_check_sooner_than_the_client_would(make_client, raw_server):
    def silence(server, connection):
        if "stable_token" in (server.read_request(connection) or ""):
            body = json.dumps(TOKEN).encode()
            connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            server.read_request(connection)
        server.closing.wait(10)

    client = make_client(raw_server(silence).url, timeout=30)
    assert type(refused(client, timeout=0.3)) is wechat.Timeout


def test_bound_of_all_pieces_is_the_time_of_the_whole_text(make_client, answering):
    bounds = []

    @contextlib.contextmanager
    def bounded(seconds):
        bounds.append(seconds)
        yield

    client = make_client(answering(TOKEN, GOOD).url, timeout=20, bounded=bounded)
    check(client)  # fetches the access_token, which has a bound of its own
    bounds.clear()
    check(client, "x" * 7000, timeout=9)
    assert len(bounds) == 3
    assert 9 >= bounds[0] > bounds[1] > bounds[2] > 0
    check(client, timeout=50)
    assert bounds[3] == 20, "the client's own time-out holds as well"


def test_time_that_is_used_up_ends_the_check(make_client, answering, monkeypatch):
    client = make_client(answering(TOKEN, GOOD).url)
    real = client.call

    def late(*arguments, timeout, **more):
        return real(*arguments, timeout=timeout - 9, **more)

    monkeypatch.setattr(client, "call", late)
    assert type(refused(client, timeout=8)) is wechat.Timeout


def test_wait_for_a_place_is_part_of_the_time(make_client, raw_server):
    def behave(server, connection):
        server.read_request(connection)
        server.closing.wait(10)

    server = raw_server(behave)
    client = make_client(server.url, concurrency=1, timeout=2)
    waits = threading.Event()

    def first():
        waits.set()
        return type(refused(client))

    def second():
        waits.wait()
        while not server.requests:
            time.sleep(0.01)
        return type(refused(client, timeout=0.2))

    assert at_once(first, second) == [wechat.Timeout, wechat.TooManyWaiting]


@pytest.mark.parametrize("answers", [0, 1], ids=["token", "verdict"])
def test_worker_breaks_off_a_check_whose_answer_drips(in_gevent, raw_server, answers):
    """The token's fetch is part of the time."""
    body = json.dumps(TOKEN).encode()
    head = b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n"

    def behave(server, connection):
        for _ in range(answers):
            server.read_request(connection)
            connection.sendall(head % len(body) + body)
        if server.read_request(connection):
            connection.sendall(head % 1000)
            while not server.closing.wait(0.02):
                connection.sendall(b" ")

    done = in_gevent(raw_server(behave).url, ["hello"], timeout=30, check=0.5)
    assert [outcome[:2] for outcome in done["outcomes"]] == [
        ["wechat_timeout", "the call has used up its time"]
    ]
    assert done["connections"] == 0


def test_failed_checks_give_their_places_back(make_client, answering):
    replies = [{"errcode": 61010}, b"<html>", {**GOOD, "result": 1}, GOOD]
    client = make_client(answering(TOKEN, *replies).url, concurrency=1)
    for _ in range(3):
        refused(client, timeout=5)
    assert check(client, timeout=5).suggest == "pass"


def test_suggestions_are_ordered_from_the_best_to_the_worst():
    assert content.SUGGESTS == ("pass", "review", "risky")
