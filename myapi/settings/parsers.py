"""Parsers of settings. Each returns the value, or raises ValueError that says what is valid.

The messages never repeat the text, which may be a secret.
"""

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import limits
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from myapi.language import localized

SECRET_KEY_LENGTH = 32

# A user name or password without a character at which some parser of URLs would end it.
_ENCODED = r"(?:(?![@%:/?#\[\]])[!-~]|%[0-9A-Fa-f]{2})*"
_ADDRESS = re.compile(
    r"unix:[!-~]+|fd://[0-9]+|(?:tcp://)?(?:\[[!-~]+\]|(?![0-9]+(?:,|$))[^\s:\[\]]*)(?::[0-9]{1,5})?"
)
_LOGIN = re.compile(rf"[^/]*://{_ENCODED}(?::{_ENCODED})?@[^@]*")


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


def database_url(text: str) -> str:
    """Check that the URL names SQLite in a file or MySQL through PyMySQL, with utf8mb4."""
    if not text.startswith("sqlite"):
        _check_login(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(
            localized(
                "must be a database URL such as sqlite:///myapi.db "
                "or mysql+pymysql://user:password@host/name?charset=utf8mb4",
                "应为数据库 URL，例如 sqlite:///myapi.db "
                "或 mysql+pymysql://user:password@host/name?charset=utf8mb4",
            )
        ) from None
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if url.database in {None, "", ":memory:"}:
            raise ValueError(
                localized(
                    "SQLite needs a file: sqlite:///myapi.db",
                    "SQLite 要写明文件：sqlite:///myapi.db",
                )
            )
        return text
    if url.drivername == "mysql+pymysql":
        return _mysql(url)
    raise ValueError(
        localized(
            "must begin with sqlite:/// or mysql+pymysql://",
            "应以 sqlite:/// 或 mysql+pymysql:// 开头",
        )
    )


def _mysql(url: URL) -> str:
    if not url.host or not url.database:
        raise ValueError(
            localized(
                "must be like mysql+pymysql://user:password@host/name?charset=utf8mb4",
                "应形如 mysql+pymysql://user:password@host/name?charset=utf8mb4",
            )
        )
    if not str(url.password or "").isascii():
        # PyMySQL encodes it in Latin-1 and the server in UTF-8, or it fails and names a letter.
        raise ValueError(
            localized("must have a password of ASCII characters alone", "密码只能用 ASCII 字符")
        )
    if url.query.get("charset", "utf8mb4") != "utf8mb4":
        raise ValueError(
            localized(
                "must have charset=utf8mb4, or emoji in nicknames are lost",
                "必须带 charset=utf8mb4，否则昵称里的表情会丢失",
            )
        )
    return url.update_query_dict({"charset": "utf8mb4"}).render_as_string(hide_password=False)


def rate_limit_storage_url(text: str) -> str:
    if text == "memory://":
        return text
    wanted = localized(
        "must be memory:// or redis://host:port/0", "应为 memory:// 或 redis://host:port/0"
    )
    if not re.match(r"rediss?://[^/]", text):
        raise ValueError(wanted)
    _check_login(text)
    try:
        _ = urlsplit(text).port
    except ValueError:
        raise ValueError(wanted) from None
    return text


def _check_login(text: str) -> None:
    """Refuse a URL whose user name or password is not percent-encoded.

    SQLAlchemy ends a password at its first `@`, urlsplit ends it at `/`, `?` or `#`: the rest, or
    what is before it, becomes a host or a port, which error messages show.
    """
    if "@" in text and not _LOGIN.fullmatch(text):
        raise ValueError(
            localized(
                "must have its user name and password percent-encoded: %40 for @, %25 for %,"
                " %3A for :, %2F for /, %3F for ?, %23 for #, %20 for a space",
                "用户名和密码中的特殊字符要转义：@ 写作 %40，% 写作 %25，: 写作 %3A，/ 写作 %2F，"
                "? 写作 %3F，# 写作 %23，空格写作 %20",
            )
        )


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


def wechat_base_url(text: str) -> str:
    """Require https; http is allowed to loopback only (a fake WeChat in tests)."""
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        raise ValueError(localized("is not a URL", "不是 URL")) from None
    if not url.hostname or url.query or url.fragment or url.username or url.path.strip("/"):
        raise ValueError(
            localized(
                "must be https://host without path or query", "应为 https://host，不带路径和查询串"
            )
        )
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname)):
        raise ValueError(
            localized(
                "must be https (http is allowed to loopback only)",
                "应为 https（只有本机回环地址可以用 http）",
            )
        )
    return text.rstrip("/")


def public_url(text: str) -> str:
    """Require what `wx.request` accepts: https, a host, and no path."""
    found = re.fullmatch(r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(?::([0-9]{1,5}))?/?", text)
    if not found or int(found[2] or 443) not in range(1, 2**16):
        raise ValueError("must be https://host without a path, such as https://api.example.com")
    return text.rstrip("/")


def origins(text: str) -> tuple[str, ...]:
    """Split the comma-separated origins (RFC 6454: only scheme, host and port)."""
    found = tuple(origin.strip() for origin in text.split(","))
    for origin in found:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise ValueError(
                localized(
                    "must be comma-separated origins such as https://h5.example.com",
                    "应为以逗号分隔的来源，例如 https://h5.example.com",
                )
            )
    return found


def leaves_this_machine_unencrypted(url: str) -> bool:
    """Whether a MySQL or Redis URL connects to another machine without verified TLS."""
    if url.startswith("redis://"):
        return not is_loopback(urlsplit(url).hostname or "localhost")
    if not url.startswith("mysql"):
        return False
    parts = make_url(url)
    safe = "ssl_ca" in parts.query or "unix_socket" in parts.query
    return not safe and not is_loopback(parts.host or "localhost")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
