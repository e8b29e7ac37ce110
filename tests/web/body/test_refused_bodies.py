"""No route answers a wrong body in words of Python or msgspec, or repeats what was sent."""

import json

import msgspec
import pytest

from myapi.extend import Extension
from myapi.web.openapi.description import routes
from tests.web.body.shapes import SHAPES, bp

UNLIMITED = "1000000/minute"

WRONG = [None, True, 7, -1, 2**40, 0.5, "", "SECRET\n", "SECRET" * 20000, "\0", [], ["SECRET"], {}]
NEVER = ["Expected", "$.", "`", "matching", "regex", "SECRET", "NoneType", "Traceback", "^[", "]*$"]
PYTHON = [" str", " int ", " int.", "bool", "dict", "float", "bytes", "Struct", "datetime"]


def bodies(shape):
    """Yield bodies that are wrong in many ways."""
    fields = msgspec.structs.fields(shape)
    yield from ({}, [], "SECRET", 7, None, {"SECRET": 1}, {"SECRETS": {"a": "SECRET"}})
    for field in fields:
        for value in WRONG:
            yield {field.encode_name: value}
            yield {each.encode_name: value for each in fields}
        yield {field.encode_name.upper(): "SECRET"}


CODE = "/api/auth/login"
ME = "/api/me"
DECRYPT = "/api/me/decrypt"
FAULT = "/sandbox/fault"

OURS = [
    (CODE, {}, "code is required.", "缺少 code。"),
    (CODE, {"code": 7}, "code must be text.", "code 必须是文本。"),
    (
        CODE,
        {"code": ""},
        "code is too short: the minimum length is 1.",
        "code 太短，至少 1 个字符。",
    ),
    (
        CODE,
        {"code": "a" * 257},
        "code is too long: the maximum length is 256.",
        "code 太长，最多 256 个字符。",
    ),
    (
        CODE,
        {"code": "alice\n"},
        "code must be a code from wx.login: printable ASCII characters.",
        "code 必须是 wx.login 返回的 code：可打印的 ASCII 字符。",
    ),
    (
        CODE,
        {"js_code": "alice"},
        "code is required. js_code is not a known field. Did you mean code?",
        "缺少 code。没有 js_code 这个字段，你是不是想写 code？",
    ),
    (
        ME,
        {"nickname": "x" * 33, "avatar_url": 7},
        "nickname is too long: the maximum length is 32. avatar_url must be text.",
        "nickname 太长，最多 32 个字符。avatar_url 必须是文本。",
    ),
    (
        ME,
        {"nickname": "a\n"},
        "nickname must be one line without control characters.",
        "nickname 只能是一行文本，不能含控制字符。",
    ),
    (
        ME,
        {"nickname": " "},
        "nickname must have at least one visible character.",
        "nickname 至少要有一个可见字符。",
    ),
    (
        ME,
        {"avatar_url": "http://a.example/1.png"},
        "avatar_url must be an https URL; percent-encode characters that are not ASCII.",
        "avatar_url 必须是 https 网址，非 ASCII 字符须用百分号编码。",
    ),
    (
        ME,
        {"nickName": "x"},
        "nickName is not a known field. Did you mean nickname?",
        "没有 nickName 这个字段，你是不是想写 nickname？",
    ),
    (
        ME,
        {"avatarUrl": "x"},
        "avatarUrl is not a known field. Did you mean avatar_url?",
        "没有 avatarUrl 这个字段，你是不是想写 avatar_url？",
    ),
    (
        ME,
        {"zzzzzz": "x"},
        "The body has a field that is not known. The known fields are: nickname, avatar_url.",
        "请求体中有无法识别的字段，可用的字段：nickname、avatar_url。",
    ),
    (
        DECRYPT,
        {"iv": "a"},
        "encryptedData is required.",
        "缺少 encryptedData。",
    ),
    (
        DECRYPT,
        {"encryptedData": "a", "iv": "a", "rawData": "{}"},
        "signature is required.",
        "缺少 signature。",
    ),
    (
        DECRYPT,
        {"encryptedData": "a", "iv": "a", "rawData": "{}", "signature": "签名"},
        "signature may have ASCII characters only.",
        "signature 只能含 ASCII 字符。",
    ),
    (FAULT, {"kind": "slow", "times": -1}, "times must be at least 0.", "times 不能小于 0。"),
    (
        FAULT,
        {"kind": [], "times": 1},
        "kind must be text or a whole number.",
        "kind 必须是文本或整数。",
    ),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("path", "body", "english", "chinese"), OURS)
def test_a_wrong_body_for_a_route_of_myapi_is_told_in_both_languages(
    sign_in, path, body, english, chinese
):
    alice = sign_in("alice")
    send = alice.client.put if path in {ME, FAULT} else alice.client.post
    for languages, sentence in (("en", english), ("zh-CN", chinese)):
        answer = send(
            path, json=body, headers={**alice.headers, "Accept-Language": languages}
        ).get_json()
        assert (answer["error"], answer["msg"]) == ("invalid_request", sentence)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("languages", ["en", "zh"])
def test_answers_to_wrong_bodies_are_for_persons(make_app, sign_in, languages):
    app = make_app(
        extension=Extension(blueprints=[bp]),
        max_body_bytes=2**22,
        rate_limit_login=UNLIMITED,
        rate_limit_login_failed=UNLIMITED,
        rate_limit_user=UNLIMITED,
    )
    alice = sign_in("alice", via=app.test_client())
    headers = {**alice.headers, "Accept-Language": languages}
    with app.app_context():
        taking = [route for route in routes(app) if route.declared and route.declared.body]
    assert len(taking) == len(SHAPES) + 9  # and those of myapi
    for route in taking:
        refused = 0
        for body in bodies(route.declared.body):
            response = alice.client.open(
                route.path,
                method=route.method,
                data=json.dumps(body),
                content_type="application/json",
                headers=headers,
            )
            answer = response.get_json()
            if answer.get("error") == "invalid_request":
                refused += 1
                assert answer["fields"]
                assert_plain(answer)
        assert refused >= 3, route.path


def assert_plain(answer):
    told = [answer["msg"], *(each["msg"] for each in answer["fields"])]
    for text in NEVER:
        assert text not in json.dumps(answer, ensure_ascii=False)
    for text in PYTHON:
        assert not any(text in sentence for sentence in told), answer
