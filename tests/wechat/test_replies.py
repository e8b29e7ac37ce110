"""Replies that are no login: whatever comes, one of the errors comes out."""

import json

import pytest

from myapi import wechat
from myapi.wechat.errcodes import LOGIN
from myapi.wechat.replies import ERRMSG_LIMIT, harmless, read_login, read_reply

KEY = "tiihtNczf5v6AKRyjwEUhQ=="
GOOD = {"openid": "o-someone", "session_key": KEY}


def read(body):
    return read_login(read_reply(body, LOGIN))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"openid": "\xff"}',
        b"[" * 100_000,
        b'{"errcode": ' + b"9" * 5000 + b"}",
        b'{"errcode": ' + b"9" * 100 + b"}",
        json.dumps(GOOD).encode("utf-16"),
        b'{"errcode": 40029, "errcode": 0, ' + json.dumps(GOOD).encode()[1:],
        b'{"openid": "another", ' + json.dumps(GOOD).encode()[1:],
        *(
            json.dumps({**GOOD, **change}).encode()
            for change in (
                {"errcode": "0"},
                {"errcode": True},
                {"errcode": 0.5},
                {"errcode": None},
                {"openid": ""},
                {"openid": None},
                {"openid": 7},
                {"openid": "o x"},
                {"openid": "o\n"},
                {"openid": "ö"},
                {"openid": "o" * 129},
                {"session_key": ""},
                {"session_key": 7},
                {"session_key": KEY[:-1]},
                {"session_key": KEY + "\n"},
                {"session_key": "é" * 24},
                {"session_key": "AAAA" * 8},
                {"session_key": f" {KEY}"},
                {"unionid": 0},
                {"unionid": []},
                {"unionid": 7},
                {"unionid": ["u"]},
                {"unionid": "u" * 129},
            )
        ),
    ],
    ids=lambda body: body[:60].decode("latin-1"),
)
def test_unusable_reply_is_unavailable(body):
    with pytest.raises(wechat.WeChatError) as caught:
        read(body)
    assert type(caught.value) is wechat.Unavailable
    assert caught.value.__context__ is None
    assert KEY not in str(caught.value)


def test_longest_identifiers_are_taken():
    login = read(json.dumps({**GOOD, "openid": "o" * 128, "unionid": "~" * 128}).encode())
    assert len(login.openid) == 128


@pytest.mark.parametrize(
    ("errmsg", "text"),
    [
        ("invalid code, rid: 1-2-3", "invalid code, rid: 1-2-3"),
        ("频率限制", "频率限制"),
        ("a\r\nb\x1b[31m\u202ec\ud800", "ab[31mc"),
        ("code hush hu\x00sh hush%2F+%C3%A9 hush%2F%20%C3%A9", "code *** *** *** ***"),
        (17, ""),
        (None, ""),
    ],
)
def test_errmsg_is_made_harmless(errmsg, text):
    assert harmless(errmsg, ["hush/ é", "hush", ""]) == text


def test_errmsg_is_cut():
    assert len(harmless("x" * 10_000, [])) == ERRMSG_LIMIT


def test_secret_is_not_cut_in_two():
    assert "hush" not in harmless("x" * (ERRMSG_LIMIT - 4) + "hush-hush", ["hush-hush"])
