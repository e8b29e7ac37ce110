"""What a message says is checked by WeChat's rules before WeChat is asked."""

import pytest

from myapi.messages import rules
from myapi.web.errors import ApiError
from myapi.wechat import MessageInvalid

GOOD = {
    "thing1": ["奶茶", "x" * 20, "a b", "价格：5%", "😀" * 20],
    "number2": ["0", "9" * 32, "12.5"],
    "letter3": ["a", "Z" * 32],
    "symbol4": ["!", "￥$€£%"],
    "character_string5": ["A-1", "~" * 32, "no 7"],
    "time6": ["15:01", "7:05", "15:01:59", "2026年1月31日 15:01", "2026-01-31 15:01", "8:00~9:30"],
    "date7": [
        "2026年1月31日",
        "2026-01-31",
        "2026/1/31 08:30",
        "2026.12.01",
        "2026-1-1 ~ 2026-2-1",
    ],
    "amount8": ["¥12.50", "12元", "￥0.01元", "1234567890", "$5"],
    "phone_number9": ["13800138000", "+86-0766-66888866"[:17], "(010)12345678"],
    "car_number10": ["粤A8Z888挂"[:8], "京A12345", "12345678"],
    "name11": ["王小明", "John Smith", "x" * 20, "欧阳" * 5],
    "phrase12": ["已发货", "配送中", "一二三四五"],
    "something13": ["x" * 256],
}
BAD = {
    "thing1": ["", " ", "x" * 21, "a\nb", "a\rb", "a\u2028b", "a\x00b", "\ud800", None, 5, ["x"]],
    "number2": ["", "-1", "1e5", "9" * 33, "１", "1.", ".5", "0" * 32 + ".0"],
    "letter3": ["", "a1", "é", "x" * 33, "a b"],
    "symbol4": ["a", "!!!!!!", "1", "汉"],
    "character_string5": ["", "汉", "x" * 33],
    "time6": ["", "24:00", "15:60", "1501", "今天", "2026-13-01 15:01", "2026年1月31日"],
    "date7": ["", "15:01", "2026-00-01", "2026-1-32", "31.1.2026", "tomorrow", "2026-1/1"],
    "amount8": ["", "free", "12345678901", "¥¥5", "5 元整", "-5.5.5"],
    "phone_number9": ["", "x" * 5, "1" * 18],
    "car_number10": ["", "京A-1234", "京A1234567"],
    "name11": ["", "x" * 21, "名" * 11],
    "phrase12": ["", "abc", "六个汉字太长", "好!"],
    "something13": ["", "x" * 257, "a\tb"],
}


def wrong(template="template-1", data=None, page=None):
    """Return the fields that are refused."""
    errors = list(rules.errors(template, {"thing1": "x"} if data is None else data, page))
    assert all(each.msg and each.msg_zh for each in errors)
    return [each.field for each in errors]


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, all_ in GOOD.items() for v in all_])
def test_value_that_wechat_takes_is_taken(key, value):
    assert wrong(data={key: value}) == []


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, all_ in BAD.items() for v in all_])
def test_value_that_wechat_refuses_is_refused_by_name(key, value):
    assert wrong(data={key: value}) == [f"data.{key}"]


def test_all_that_is_wrong_is_told_at_once():
    found = wrong("no id", {"thing1": "x" * 21, "phrase2": "x"}, "/pages/home")
    assert found == ["template_id", "page", "data.thing1", "data.phrase2"]


@pytest.mark.parametrize("template", ["", "a b", "x" * 129, "模板", "a\n", None, 5, "a/b"])
def test_template_id_that_is_none_is_refused(template):
    assert wrong(template) == ["template_id"]


@pytest.mark.parametrize("page", ["", "/pages/a", "pages/a\n", "页面", "x" * 1025, 5, "a b"])
def test_page_that_is_none_is_refused(page):
    assert wrong(page=page) == ["page"]


@pytest.mark.parametrize("page", ["pages/order/order", "pages/order/order?id=1&x=%E5%A5%B6"])
def test_page_with_a_query_is_taken(page):
    assert wrong(page=page) == []


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        "x",
        None,
        {f"thing{n}": "x" for n in range(21)},
        {"Thing1": "x"},
        {"x": "x"},
        {1: "x"},
        {"thing1\n": "x"},
        {"__proto__": "x"},
    ],
)
def test_data_of_another_shape_is_refused(data):
    found = wrong(data=data) if data is not None else wrong(data=5)
    assert found == ["data"]


def test_error_never_repeats_what_was_given():
    with pytest.raises(ApiError) as caught:
        rules.check("t", {"thing1": "<script>alert(1)</script>"}, None)
    [error] = caught.value.fields
    assert "script" not in error.msg + error.msg_zh


@pytest.mark.parametrize(
    ("errcode", "errmsg", "fields"),
    [
        (47003, "argument invalid! data.thing1.value is empty", ["data.thing1"]),
        (47003, "argument invalid!", []),
        (47003, "data.thing12.value invalid", []),
        (40037, "invalid template_id", ["template_id"]),
        (41030, "invalid page", ["page"]),
        (45168, "sensitive words", []),
    ],
)
def test_what_wechat_refuses_names_the_field_as_far_as_wechat_does(errcode, errmsg, fields):
    found = rules.refused(MessageInvalid(errmsg, errcode), {"thing1": "x", "date2": "x"})
    assert [each.field for each in found] == fields
