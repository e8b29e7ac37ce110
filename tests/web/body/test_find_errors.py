"""A refused body is answered with its wrong fields, for a person, in the language asked for."""

import json
import time
from typing import Any

import pytest
from flask import Blueprint

from myapi.extend import ApiError, Extension, FieldError, endpoint, public
from myapi.web.openapi.description import describe
from tests.web.body.shapes import Card, Everything, Many, Nothing, Renamed, Strict, bp

CHINESE = {"Accept-Language": "zh-CN"}


@pytest.fixture
def database_url(tmp_path):
    """A file that does not exist: none of these tests needs a database."""
    return f"sqlite:///{tmp_path}/absent.db"


@pytest.fixture
def client(make_app):
    return make_app(extension=Extension(blueprints=[bp])).test_client()


@pytest.fixture
def refuse(client):
    """Post a body that must be refused, and return the answer."""

    def refuse(shape, body, headers=None) -> Any:
        path, data = f"/api/own/{shape.__name__}", json.dumps(body)
        response = client.post(path, data=data, content_type="application/json", headers=headers)
        assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")
        return response.get_json()

    return refuse


def accepted(client, shape, body):
    return client.post(f"/api/own/{shape.__name__}", json=body).status_code == 200


def rules(answer):
    return [(each["field"], each["rule"]) for each in answer["fields"]]


# ---- each rule, for a struct of a team's own ----

RULES = [
    ({"text": 7}, "text", "type", "string", "text must be text.", "text 必须是文本。"),
    (
        {"text": "a"},
        "text",
        "min_length",
        2,
        "text is too short: the minimum length is 2.",
        "text 太短，至少 2 个字符。",
    ),
    (
        {"text": "𝄞" * 6},
        "text",
        "max_length",
        5,
        "text is too long: the maximum length is 5.",
        "text 太长，最多 5 个字符。",
    ),
    ({"number": 0}, "number", "minimum", 1, "number must be at least 1.", "number 不能小于 1。"),
    ({"number": 10}, "number", "maximum", 9, "number must be at most 9.", "number 不能大于 9。"),
    (
        {"number": None},
        "number",
        "type",
        "integer",
        "number must be a whole number.",
        "number 必须是整数。",
    ),
    (
        {"number": True},
        "number",
        "type",
        "integer",
        "number must be a whole number.",
        "number 必须是整数。",
    ),
    (
        {"above": 0},
        "above",
        "exclusive_minimum",
        0,
        "above must be greater than 0.",
        "above 必须大于 0。",
    ),
    (
        {"above": 1.5},
        "above",
        "exclusive_maximum",
        1,
        "above must be less than 1.",
        "above 必须小于 1。",
    ),
    ({"above": "x"}, "above", "type", "number", "above must be a number.", "above 必须是数字。"),
    (
        {"even": 3},
        "even",
        "multiple_of",
        2,
        "even must be a multiple of 2.",
        "even 必须是 2 的倍数。",
    ),
    (
        {"flag": 1},
        "flag",
        "type",
        "boolean",
        "flag must be true or false.",
        "flag 必须是 true 或 false。",
    ),
    ({"code": "xy"}, "code", "format", None, "code has the wrong format.", "code 格式不正确。"),
    (
        {"plate": "1A"},
        "plate",
        "format",
        "plate",
        "Write a plate such as A1.",
        "请填写车牌，例如 A1。",
    ),
    (
        {"colour": "green"},
        "colour",
        "enum",
        ["red", "blue"],
        "colour must be one of these: red, blue.",
        "colour 只能是以下之一：red、blue。",
    ),
    (
        {"choice": True},
        "choice",
        "enum",
        [1, "a"],
        "choice must be one of these: 1, a.",
        "choice 只能是以下之一：1、a。",
    ),
    ({"items": {}}, "items", "type", "array", "items must be a list.", "items 必须是列表。"),
    (
        {"items": []},
        "items",
        "min_items",
        1,
        "items has too few items: the minimum is 1.",
        "items 至少要有 1 项。",
    ),
    (
        {"items": [{"name": "a"}] * 13},
        "items",
        "max_items",
        12,
        "items has too many items: the maximum is 12.",
        "items 最多只能有 12 项。",
    ),
    (
        {"items": [{"name": "a"}, {"name": "b"}, {"name": "too long"}]},
        "items[2].name",
        "max_length",
        5,
        "items[2].name is too long: the maximum length is 5.",
        "items[2].name 太长，最多 5 个字符。",
    ),
    (
        {"items": [{"count": 1}]},
        "items[0].name",
        "required",
        None,
        "items[0].name is required.",
        "缺少 items[0].name。",
    ),
    (
        {"items": [7]},
        "items[0]",
        "type",
        "object",
        "items[0] must be an object.",
        "items[0] 必须是对象。",
    ),
    (
        {"pair": [1]},
        "pair",
        "min_items",
        2,
        "pair has too few items: the minimum is 2.",
        "pair 至少要有 2 项。",
    ),
    (
        {"pair": [1, 2]},
        "pair[1]",
        "type",
        "string",
        "pair[1] must be text.",
        "pair[1] 必须是文本。",
    ),
    (
        {"labels": {"SECRET": "x"}},
        "labels.*",
        "type",
        "integer",
        "labels.* must be a whole number.",
        "labels.* 必须是整数。",
    ),
    (
        {"size": {}},
        "size.width",
        "required",
        None,
        "size.width is required.",
        "缺少 size.width。",
    ),
    ({"pay": {}}, "pay.type", "required", None, "pay.type is required.", "缺少 pay.type。"),
    (
        {"pay": {"type": "SECRET"}},
        "pay.type",
        "enum",
        ["card", "cash"],
        "pay.type must be one of these: card, cash.",
        "pay.type 只能是以下之一：card、cash。",
    ),
    (
        {"pay": {"type": "cash", "amount": "SECRET"}},
        "pay.amount",
        "type",
        "integer",
        "pay.amount must be a whole number.",
        "pay.amount 必须是整数。",
    ),
    (
        {"either": []},
        "either",
        "type",
        ["string", "integer"],
        "either must be text or a whole number.",
        "either 必须是文本或整数。",
    ),
    (
        {"moment": "SECRET"},
        "moment",
        "format",
        "date_time",
        "moment must be a time such as 2026-01-31T08:30:00Z.",
        "moment 必须是形如 2026-01-31T08:30:00Z 的时间。",
    ),
    (
        {"day": "2026-02-30"},
        "day",
        "format",
        "date",
        "day must be a date such as 2026-01-31.",
        "day 必须是形如 2026-01-31 的日期。",
    ),
    ({"key": "SECRET"}, "key", "format", "uuid", "key must be a UUID.", "key 必须是 UUID。"),
    (
        {"raw": "SECRET!"},
        "raw",
        "format",
        "base64",
        "raw must be Base64.",
        "raw 必须是 Base64 编码。",
    ),
    (
        {"zoned": "2026-01-31T08:30:00"},
        "zoned",
        "format",
        None,
        "zoned has the wrong format.",
        "zoned 格式不正确。",
    ),
    (
        {"stays": [{"starts": 1, "ends": 2}, {"starts": 2, "ends": 1}]},
        "stays[1].ends",
        "after_start",
        None,
        "The end is too early.",
        "结束得太早。",
    ),
]


@pytest.mark.parametrize(("body", "field", "rule", "limit", "english", "chinese"), RULES)
def test_a_broken_rule_is_told_in_both_languages(
    refuse, body, field, rule, limit, english, chinese
):
    for headers, sentence in (({}, english), (CHINESE, chinese)):
        answer = refuse(Everything, body, headers)
        (told,) = answer["fields"]
        assert told.pop("msg") == answer["msg"] == sentence
        assert told.pop("limit", None) == limit
        assert told == {"field": field, "rule": rule}
        assert "SECRET" not in json.dumps(answer)


def test_all_wrong_fields_are_told_together(refuse):
    answer = refuse(Everything, {"text": "a", "number": 0, "items": [{}, {"name": 7}]})
    assert rules(answer) == [
        ("text", "min_length"),
        ("number", "minimum"),
        ("items[0].name", "required"),
        ("items[1].name", "type"),
    ]
    assert answer["msg"] == " ".join(each["msg"] for each in answer["fields"])
    answer = refuse(Renamed, {}, CHINESE)
    assert answer["msg"] == "缺少 firstName。缺少 lastName。"


def test_a_field_of_a_type_that_is_not_looked_into_is_told_beside_others(refuse):
    answer = refuse(Everything, {"number": 0, "zoned": "2026-01-31T08:30:00", "text": "abc"})
    assert rules(answer) == [("number", "minimum"), ("zoned", "format")]


def test_values_of_a_dict_that_break_one_rule_are_told_once(refuse):
    answer = refuse(Everything, {"labels": {"a": "x", "b": None, "c": 1.5}, "number": 0})
    assert rules(answer) == [("number", "minimum"), ("labels.*", "type")]


def test_at_most_ten_errors_are_told(refuse):
    assert len(refuse(Many, {})["fields"]) == 10
    assert len(refuse(Everything, {"stays": [7] * 1000})["fields"]) == 10


def test_a_rule_of_post_init_without_words_is_invalid_and_its_text_is_only_logged(refuse, caplog):
    answer = refuse(Everything, {"stays": [{"starts": 7, "ends": 7}]})
    assert rules(answer) == [("stays[0]", "invalid")]
    assert answer["msg"] == "stays[0] is not valid."
    assert "internal words about 7" in caplog.text


# ---- unknown fields ----


def test_a_field_near_a_missing_one_is_named(refuse):
    answer = refuse(Renamed, {"first_name": "a", "lastName": "b"})
    assert answer["fields"] == [
        {"field": "firstName", "rule": "required", "msg": "firstName is required."},
        {
            "field": "first_name",
            "rule": "unknown",
            "did_you_mean": "firstName",
            "msg": "first_name is not a known field. Did you mean firstName?",
        },
    ]
    assert refuse(Renamed, {"first-name": "a", "lastName": "b"}, CHINESE)["msg"] == (
        "缺少 firstName。没有 first-name 这个字段，你是不是想写 firstName？"
    )


@pytest.mark.parametrize("name", ["Text", "TEXT", "te_xt", "te-xt", "txt"])
def test_a_body_of_unknown_fields_alone_is_refused_and_the_nearest_is_named(refuse, name):
    answer = refuse(Everything, {name: "SECRET"})
    (told,) = answer["fields"]
    assert (told["field"], told["rule"], told["did_you_mean"]) == (name, "unknown", "text")
    assert "SECRET" not in json.dumps(answer)


@pytest.mark.parametrize("name", ["zzzzzzzz", "te\nxt", "text" + "\u202e", "t" * 65, ""])
def test_a_name_that_is_far_or_odd_is_not_repeated(refuse, name):
    answer = refuse(Strict, {name: "x"})
    assert answer["fields"] == [
        {
            "field": "",
            "rule": "unknown",
            "limit": ["name"],
            "msg": "The body has a field that is not known. The known fields are: name.",
        }
    ]
    assert refuse(Strict, {name: "x"}, CHINESE)["msg"] == (
        "请求体中有无法识别的字段，可用的字段：name。"
    )


def test_each_known_field_is_meant_once_and_by_the_nearest_name(refuse):
    answer = refuse(Everything, {"textual": 1, "texts": 1, "Text": 1})
    assert [each["field"] for each in answer["fields"]] == ["Text"]


def test_unknown_fields_beside_a_known_one_are_ignored(client):
    assert accepted(client, Everything, {"number": 1, "Text": 7, "x": 1})
    assert accepted(client, Renamed, {"firstName": "a", "lastName": "b", "Note": 7})


def test_an_empty_body_and_one_of_a_struct_without_fields_are_accepted(client):
    assert accepted(client, Everything, {})
    assert accepted(client, Nothing, {"x": 1})


def test_a_struct_that_forbids_unknown_fields_refuses_one_beside_a_known_one(refuse):
    assert rules(refuse(Strict, {"name": "a", "x": 1})) == [("", "unknown")]


def test_a_wrong_tag_is_told(refuse):
    assert rules(refuse(Card, {"type": "cash", "number": "1"})) == [("type", "enum")]


# ---- the body as a whole ----


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b'{"a": "\xff"}'])
def test_a_body_that_is_not_json_is_told_in_both_languages(client, data):
    def told(headers):
        return client.post(
            "/api/own/Strict", data=data, content_type="application/json", headers=headers
        ).get_json()

    assert told({})["fields"] == [
        {
            "field": "",
            "rule": "format",
            "limit": "json",
            "msg": "The body must be a JSON object in UTF-8.",
        }
    ]
    assert told(CHINESE)["msg"] == "请求体必须是 UTF-8 编码的 JSON 对象。"


@pytest.mark.parametrize("body", [[], "text", 7, None, True])
def test_a_body_that_is_no_object_is_told(refuse, body):
    assert refuse(Strict, body)["msg"] == "The body must be an object."
    assert refuse(Strict, body, CHINESE)["msg"] == "请求体必须是对象。"


def test_a_body_that_was_cut_off_is_told(client):
    answer = client.post(
        "/api/own/Strict",
        data=b'{"name"',
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "20"},
        headers=CHINESE,
    ).get_json()
    assert rules(answer) == [("", "cut_off")]
    assert answer["msg"] == "请求体不完整。"


# ---- bounds ----


def test_looking_for_errors_takes_no_time_for_a_large_body(refuse):
    bodies = [
        {f"texty{n}": 1 for n in range(4000)},
        {"stays": [{"starts": 1, "ends": 2}] * 1500 + [7]},
        {"items": [{}] * 15000},
        {"labels": {f"{n}": "x" for n in range(5000)}},
        {"code": "a" * 60000},
    ]
    for body in bodies:
        started = time.process_time()
        refuse(Everything, body)
        assert time.process_time() - started < 1


def test_a_number_without_end_is_refused(refuse):
    assert rules(refuse(Everything, {"above": 10**400})) == [("above", "type")]
    assert rules(refuse(Everything, {"half": 10**400})) == [("half", "type")]
    assert rules(refuse(Everything, {"number": 10**400})) == [("number", "maximum")]


def test_a_body_nested_too_deeply_is_refused(client):
    body: Any = {"trees": [7]}
    for _ in range(400):
        body = {"trees": [body]}
    response = client.post("/api/own/Tree", json=body)
    assert response.get_json()["error"] == "invalid_request"
    assert response.get_json()["fields"]


# ---- what a failure looks like, and what describes it ----


def test_other_errors_have_no_fields(client):
    assert "fields" not in client.get("/api/nothing").get_json()
    assert "fields" not in client.post("/api/own/Strict").get_json()


def test_own_rules_in_the_words_of_myapi(make_app):
    """A use-case names a field with a rule of myapi, and gets its sentence."""
    own = Blueprint("later", __name__)

    @own.get("/api/later")
    @public
    @endpoint(errors=("invalid_request",))
    def later() -> None:
        raise ApiError("invalid_request", fields=[FieldError("note", "max_length", 20)])

    get = make_app(extension=Extension(blueprints=[own])).test_client().get
    assert get("/api/later").get_json()["msg"] == "note is too long: the maximum length is 20."
    assert get("/api/later", headers=CHINESE).get_json()["msg"] == "note 太长，最多 20 个字符。"


def test_every_error_answer_of_a_body_is_as_described(client, refuse):
    jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="schemathesis needs Python 3.11")
    description = describe(client.application)
    schema = description["components"]["schemas"]["Error"]
    validator = jsonschema_rs.Draft202012Validator(schema)
    for body, *_ in RULES:
        validator.validate(refuse(Everything, body))
