"""Parsers of settings that are URLs: of a database, of Redis, of WeChat, of this service.

As in `parsers`, the messages never repeat the text.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from myapi.language import localized

# A user name or password without a character at which some parser of URLs would end it.
_ENCODED = r"(?:(?![@%:/?#\[\]])[!-~]|%[0-9A-Fa-f]{2})*"
_LOGIN = re.compile(rf"[^/]*://{_ENCODED}(?::{_ENCODED})?@[^@]*")


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
        raise ValueError(
            localized(
                "must be https://host without a path, such as https://api.example.com",
                "应为 https://host，不带路径，例如 https://api.example.com",
            )
        )
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
