"""What a broken rule says in English and in Chinese.

The rules are named after the keywords of JSON Schema. The client has the same sentences for all but
the formats, in `miniprogram/myapi/fields.js`.
"""

from typing import NamedTuple


class Text(NamedTuple):
    """One text in both languages."""

    en: str
    zh: str


BODY = Text("The body", "请求体")
OR = Text(" or ", "或")
COMMA = Text(", ", "、")

RULES = {
    "required": Text("{field} is required.", "缺少 {field}。"),
    "type": Text("{field} must be {limit}.", "{field} 必须是{limit}。"),
    "enum": Text("{field} must be one of these: {limit}.", "{field} 只能是以下之一：{limit}。"),
    "format": Text("{field} has the wrong format.", "{field} 格式不正确。"),
    "min_length": Text(
        "{field} is too short: the minimum length is {limit}.",
        "{field} 太短，至少 {limit} 个字符。",
    ),
    "max_length": Text(
        "{field} is too long: the maximum length is {limit}.",
        "{field} 太长，最多 {limit} 个字符。",
    ),
    "min_items": Text(
        "{field} has too few items: the minimum is {limit}.", "{field} 至少要有 {limit} 项。"
    ),
    "max_items": Text(
        "{field} has too many items: the maximum is {limit}.", "{field} 最多只能有 {limit} 项。"
    ),
    "minimum": Text("{field} must be at least {limit}.", "{field} 不能小于 {limit}。"),
    "maximum": Text("{field} must be at most {limit}.", "{field} 不能大于 {limit}。"),
    "exclusive_minimum": Text(
        "{field} must be greater than {limit}.", "{field} 必须大于 {limit}。"
    ),
    "exclusive_maximum": Text("{field} must be less than {limit}.", "{field} 必须小于 {limit}。"),
    "multiple_of": Text(
        "{field} must be a multiple of {limit}.", "{field} 必须是 {limit} 的倍数。"
    ),
    "unknown": Text(
        "{field} has a field that is not known. The known fields are: {limit}.",
        "{field} 中有无法识别的字段，可用的字段：{limit}。",
    ),
    "cut_off": Text("{field} was cut off.", "{field} 不完整。"),
    "invalid": Text("{field} is not valid.", "{field} 不正确。"),
}
DID_YOU_MEAN = Text(
    "{field} is not a known field. Did you mean {did_you_mean}?",
    "没有 {field} 这个字段，你是不是想写 {did_you_mean}？",
)

#: The names that `limit` has under the rule `type`.
TYPES = {
    "string": Text("text", "文本"),
    "integer": Text("a whole number", "整数"),
    "number": Text("a number", "数字"),
    "boolean": Text("true or false", " true 或 false"),
    "array": Text("a list", "列表"),
    "object": Text("an object", "对象"),
    "null": Text("null", " null"),
}

#: The names that `limit` has under the rule `format`; a team's own code adds others.
FORMATS = {
    "json": Text(
        "{field} must be a JSON object in UTF-8.", "{field} 必须是 UTF-8 编码的 JSON 对象。"
    ),
    "login_code": Text(
        "{field} must be a code from wx.login: printable ASCII characters.",
        "{field} 必须是 wx.login 返回的 code：可打印的 ASCII 字符。",
    ),
    "https_url": Text(
        "{field} must be an https URL; percent-encode characters that are not ASCII.",
        "{field} 必须是 https 网址，非 ASCII 字符须用百分号编码。",
    ),
    "one_line": Text(
        "{field} must be one line without control characters.",
        "{field} 只能是一行文本，不能含控制字符。",
    ),
    "visible": Text(
        "{field} must have at least one visible character.", "{field} 至少要有一个可见字符。"
    ),
    "ascii": Text("{field} may have ASCII characters only.", "{field} 只能含 ASCII 字符。"),
    "base64": Text("{field} must be Base64.", "{field} 必须是 Base64 编码。"),
    "date_time": Text(
        "{field} must be a time such as 2026-01-31T08:30:00Z.",
        "{field} 必须是形如 2026-01-31T08:30:00Z 的时间。",
    ),
    "date": Text(
        "{field} must be a date such as 2026-01-31.", "{field} 必须是形如 2026-01-31 的日期。"
    ),
    "time": Text(
        "{field} must be a time such as 08:30:00.", "{field} 必须是形如 08:30:00 的时间。"
    ),
    "uuid": Text("{field} must be a UUID.", "{field} 必须是 UUID。"),
}
