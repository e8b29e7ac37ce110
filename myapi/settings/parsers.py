"""Parsers of settings. Each returns the value, or raises ValueError that says what is valid.

The messages never repeat the text, which may be a secret.
"""

import ipaddress
import re
from collections.abc import Callable

import limits

from myapi.language import localized

SECRET_KEY_LENGTH = 32

_ADDRESS = re.compile(
    r"unix:[!-~]+|fd://[0-9]+|(?:tcp://)?(?:\[[!-~]+\]|(?![0-9]+(?:,|$))[^\s:\[\]]*)(?::[0-9]{1,5})?"
)


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(
                localized(f"must be one of {', '.join(choices)}", f"应为 {'、'.join(choices)} 之一")
            )
        return text

    return parse


def switch(text: str) -> bool:
    if text.lower() not in {"1", "true", "on", "yes", "0", "false", "off", "no"}:
        raise ValueError(localized("must be on or off", "应为 on 或 off"))
    return text.lower() in {"1", "true", "on", "yes"}


def integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(
                localized(
                    f"must be a whole number from {low} to {high}", f"应为 {low} 到 {high} 的整数"
                )
            )
        return int(text)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not low <= float(text) <= high:
            raise ValueError(
                localized(
                    f"must be a number from {low:g} to {high:g}", f"应为 {low:g} 到 {high:g} 的数字"
                )
            )
        return float(text)

    return parse


def text(value: str) -> str:
    """Accept any line of text, Chinese too."""
    if not value.isprintable():
        raise ValueError(localized("must be one line of text", "应为一行文字"))
    return value


def printable(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,512}", text):
        raise ValueError(
            localized("must be printable ASCII without spaces", "应为可打印的 ASCII 字符，不含空格")
        )
    return text


def bind(text: str) -> str:
    """Accept what Gunicorn does, but no lone number: it would be taken as a host."""
    if not all(map(_ADDRESS.fullmatch, text.split(","))):
        raise ValueError(
            localized(
                "must be host:port, such as 127.0.0.1:8000, or unix:/path",
                "应为 host:port（例如 127.0.0.1:8000）或 unix:/path",
            )
        )
    return text


def address_header(text: str) -> str:
    """Accept what a proxy may name a list of addresses.

    Servers drop names with an underscore. `Forwarded` (RFC 7239) is no list of bare addresses.
    """
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", text) or text.lower() == "forwarded":
        raise ValueError(
            localized(
                "must be the name of a header that lists addresses, such as X-Forwarded-For",
                "应为列出地址的请求头的名称，例如 X-Forwarded-For",
            )
        )
    return text


def worker_timeout(text: str) -> int:
    """Accept 0 for never. A few seconds would kill healthy workers on a busy machine."""
    try:
        return 0 if text == "0" else integer(5, 3600)(text)
    except ValueError as error:
        raise ValueError(localized(f"{error}, or 0 for never", f"{error}，或 0（永不）")) from None


def appid(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", text):
        raise ValueError(
            localized(
                "must be an AppID such as wx0123456789abcdef",
                "应为 AppID，例如 wx0123456789abcdef",
            )
        )
    return text


def push_token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{3,32}", text):
        raise ValueError(
            localized("must be 3 to 32 letters and digits", "应为 3 到 32 个字母和数字")
        )
    return text


def push_aes_key(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9+/]{43}", text):
        raise ValueError(
            localized(
                "must be the EncodingAESKey of the console, 43 characters",
                "应为小程序后台中的 EncodingAESKey，43 个字符",
            )
        )
    return text


def secret_keys(text: str) -> tuple[str, ...]:
    """Split the comma-separated keys. All of them verify; the last one signs."""
    keys = tuple(key.strip() for key in text.split(","))
    for number, key in enumerate(keys, 1):
        if len(key) < SECRET_KEY_LENGTH:
            raise ValueError(
                localized(
                    f"key {number} needs at least {SECRET_KEY_LENGTH} random characters"
                    " (make one with `flask secrets generate`)",
                    f"第 {number} 个密钥至少要有 {SECRET_KEY_LENGTH} 个随机字符"
                    "（用 `flask secrets generate` 生成）",
                )
            )
    if len(set(keys)) != len(keys):
        raise ValueError(localized("contains the same key twice", "同一个密钥出现了两次"))
    return keys


def rate_limit(text: str) -> str:
    """Accept `600` (per minute) or the notation of the limits package, such as `10/second`."""
    try:
        limits.parse(f"{text}/minute" if text.isascii() and text.isdigit() else text)
    except ValueError:
        raise ValueError(
            localized(
                "must be a number per minute, or a limit such as 10/second",
                "应为每分钟的次数，或 10/second 这样的限额",
            )
        ) from None
    return f"{text}/minute" if text.isdigit() else text


def networks(text: str) -> tuple[str, ...]:
    """Split the comma-separated addresses and networks, such as `203.0.113.7, 10.0.0.0/8`."""
    found = tuple(each.strip() for each in text.split(","))
    for each in found:
        try:
            ipaddress.ip_network(each)
        except ValueError:
            raise ValueError(
                localized(
                    "must be comma-separated addresses or networks such as 203.0.113.7, 10.0.0.0/8",
                    "应为以逗号分隔的地址或网段，例如 203.0.113.7, 10.0.0.0/8",
                )
            ) from None
    return found
