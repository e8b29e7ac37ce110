"""WeChat's rules for what a subscribe message says, checked before WeChat is asked.

Where WeChat's page leaves a rule open, this one is the wider: what WeChat refuses then is
`message_invalid`, too.
Source: subscribeMessage.send, 订阅消息参数值内容限制说明.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from myapi.web.errors import ApiError
from myapi.web.field_errors import FieldError
from myapi.wechat import MessageInvalid

MAX_FIELDS = 20
MAX_LENGTH = 256  # of a value of a kind that is not known here
MAX_PAGE = 1024

TEMPLATE_ID = r"[A-Za-z0-9_-]{1,128}"

_CHINESE = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MONTH, _DAY = r"(0?[1-9]|1[0-2])", r"(0?[1-9]|[12][0-9]|3[01])"
_DATE = rf"[0-9]{{4}}(年{_MONTH}月{_DAY}日|-{_MONTH}-{_DAY}|/{_MONTH}/{_DAY}|\.{_MONTH}\.{_DAY})"
_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
_TIME, _DATE_AND_TIME = rf"({_DATE} ?)?{_CLOCK}", rf"{_DATE}( ?{_CLOCK})?"
_END = rf"( ?~ ?({_TIME}|{_DATE_AND_TIME}))?"


class Kind(NamedTuple):
    """What a value of one kind looks like, as a pattern and in words."""

    pattern: str
    en: str
    zh: str


#: The kind is in the name of the key: `thing1` is a thing.
KINDS = {
    "thing": Kind(r".{1,20}", "1 to 20 characters", "1 至 20 个字符"),
    "number": Kind(
        r"(?=.{1,32}$)[0-9]+(\.[0-9]+)?", "a number of up to 32 digits", "32 位以内的数字，可带小数"
    ),
    "letter": Kind(r"[A-Za-z]{1,32}", "up to 32 letters", "32 位以内的字母"),
    "symbol": Kind(r"[^\w\s]{1,5}", "up to 5 symbols", "5 位以内的符号"),
    "character_string": Kind(
        r"[ -~]{1,32}",
        "up to 32 digits, letters or symbols, all of them ASCII",
        "32 位以内的数字、字母或符号",
    ),
    "time": Kind(
        _TIME + _END,
        "a time such as 15:01 or 2026年1月31日 15:01",
        "时间，如 15:01 或 2026年1月31日 15:01",
    ),
    "date": Kind(
        _DATE_AND_TIME + _END,
        "a date such as 2026年1月31日 or 2026-01-31 15:01",
        "日期，如 2026年1月31日 或 2026-01-31 15:01",
    ),
    "amount": Kind(
        r"[^\w\s]?[0-9]{1,10}(\.[0-9]{1,10})?元?",
        "an amount such as ¥12.50 or 12.50元",
        "金额，如 ¥12.50 或 12.50元",
    ),
    "phone_number": Kind(
        r"[-0-9+() #*]{1,17}", "up to 17 digits or symbols", "17 位以内的数字或符号"
    ),
    "car_number": Kind(
        rf"[A-Za-z0-9{_CHINESE}]{{1,8}}", "up to 8 characters of a number plate", "8 位以内的车牌号"
    ),
    "name": Kind(
        r"[ -~]{1,20}|.{1,10}",
        "a name: up to 10 characters, or 20 Latin letters",
        "姓名：10 个字以内，纯英文为 20 个字母以内",
    ),
    "phrase": Kind(rf"[{_CHINESE}]{{1,5}}", "up to 5 Chinese characters", "5 个以内的汉字"),
}
#: What of a message WeChat refuses with an errcode of its own.
OTHER_FIELDS = {40037: "template_id", 41030: "page"}

_ANY = Kind(rf".{{1,{MAX_LENGTH}}}", f"1 to {MAX_LENGTH} characters", f"1 至 {MAX_LENGTH} 个字符")
_KEY = re.compile(r"([a-z_]{1,32})[0-9]{1,4}")
# One word: no line break, no control character, none of the marks that end a line in Unicode.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# A path inside the mini program, and perhaps its query.
_PAGE = re.compile(r"(?!/)[!-~]+")


def check(template_id: str, data: Mapping[str, str], page: str | None) -> None:
    """Raise `message_invalid` with all that is wrong in `fields`."""
    wrong = list(errors(template_id, data, page))
    if wrong:
        raise ApiError("message_invalid", fields=wrong)


def refused(error: MessageInvalid, data: Mapping[str, str]) -> list[FieldError]:
    """Return what WeChat found wrong, as far as it says: its errmsg names the value."""
    if error.errcode in OTHER_FIELDS:
        return [_error(OTHER_FIELDS[error.errcode], "known to WeChat", "微信已有的")]
    named = [key for key in data if re.search(rf"\b{re.escape(key)}\b", error.detail)]
    kinds = {key: KINDS.get(key.rstrip("0123456789"), _ANY) for key in named}
    return [_wrong(key, kind) for key, kind in kinds.items()]


def is_template_id(text: str) -> bool:
    return re.fullmatch(TEMPLATE_ID, text) is not None


def errors(template_id: object, data: object, page: object) -> Iterator[FieldError]:
    """Yield what is wrong with a message."""
    if not isinstance(template_id, str) or not is_template_id(template_id):
        yield _error(
            "template_id", "the id of a template, from WeChat's console", "模板 ID，见小程序后台"
        )
    if page is not None and not (isinstance(page, str) and _is_page(page)):
        yield _error(
            "page",
            f"a path such as pages/order/order?id=1, of up to {MAX_PAGE} ASCII characters,"
            " without a / at its start",
            f"形如 pages/order/order?id=1 的路径，不以 / 开头，最多 {MAX_PAGE} 个 ASCII 字符",
        )
    if not isinstance(data, Mapping) or not 0 < len(data) <= MAX_FIELDS:
        yield _error(
            "data", f"an object of 1 to {MAX_FIELDS} values", f"包含 1 至 {MAX_FIELDS} 项的对象"
        )
        return
    for key, value in data.items():
        named = _KEY.fullmatch(key) if isinstance(key, str) else None
        if named is None:
            yield _error(
                "data",
                "an object with keys such as thing1 or date2",
                "键名形如 thing1、date2 的对象",
            )
            continue
        kind = KINDS.get(named[1], _ANY)
        if not isinstance(value, str) or _UNPRINTABLE.search(value) or not _fits(kind, value):
            yield _wrong(key, kind)


def _is_page(page: str) -> bool:
    return len(page) <= MAX_PAGE and _PAGE.fullmatch(page) is not None


def _fits(kind: Kind, value: str) -> bool:
    return value.strip() != "" and re.fullmatch(kind.pattern, value) is not None


def _wrong(key: str, kind: Kind) -> FieldError:
    return _error(f"data.{key}", f"one line: {kind.en}", f"一行文本：{kind.zh}")


def _error(field: str, en: str, zh: str) -> FieldError:
    return FieldError(field, "format", None, f"{field} must be {en}.", f"{field} 必须是{zh}。")
