"""What a check needs before it can judge. Each need returns the reason if it is missing.

An "ok" is given only for what was seen; where nothing could be seen the check is skipped.
"""

from __future__ import annotations

from typing import TypeVar

from doctor.target import Target
from doctor.texts import Text

T = TypeVar("T")

NOT_RESOLVED = Text("the name has no address", "域名没有解析结果")
NOT_CONNECTED = Text("no connection could be made", "没有建立连接")
NO_TLS = Text("no HTTPS connection could be made", "没有建立 HTTPS 连接")
NO_RESPONSE = Text("there was no HTTP response", "没有收到 HTTP 响应")
NOT_THE_API = Text("the API itself did not answer", "没有收到 API 本身的响应")
NO_CHAIN = Text(
    "this Python does not show the certificates that were sent",
    "当前 Python 读不到服务器发来的证书",
)
DEVELOPMENT = Text(
    "a development server has no HTTPS and no domain", "开发服务器没有 HTTPS，也没有域名"
)

NO_URL = Text("no URL was given", "没有给出 URL")
FLASK_DOCTOR = Text(
    "the settings of the service are not known here (`flask doctor` reads them)",
    "这里不知道服务的配置（`flask doctor` 会读取）",
)


def needed(value: T | None) -> T:
    """Return a value that a need of the check has made sure of."""
    if value is None:
        raise LookupError("a check does not declare what it needs")
    return value


def url(target: Target) -> Text | None:
    return None if target.has_url else NO_URL


def https(target: Target) -> Text | None:
    """A URL that phones could use, so that domain, TLS and certificate can be judged."""
    return DEVELOPMENT if target.has_url and target.url.is_development else None


def address(target: Target) -> Text | None:
    found = target.addresses()
    return NOT_RESOLVED if isinstance(found, Exception) or not found else None


def connection(target: Target) -> Text | None:
    return address(target) or (None if target.connected_probes() else NOT_CONNECTED)


def channel(target: Target) -> Text | None:
    """A connection for calls: over TLS, or to a development server."""
    return connection(target) or (None if target.tls_probe() else NO_TLS)


def tls_connection(target: Target) -> Text | None:
    return https(target) or channel(target)


def certificates(target: Target) -> Text | None:
    missing = tls_connection(target)
    return missing or (None if needed(target.tls_probe()).chain else NO_CHAIN)


def response(target: Target) -> Text | None:
    """Any HTTP response to /api/hello, be it of a proxy."""
    if target.hello().response is not None:
        return None
    return channel(target) or NO_RESPONSE


def api(target: Target) -> Text | None:
    """A response of the API itself."""
    missing = response(target)
    return missing or (None if needed(target.hello().response).is_from_api else NOT_THE_API)
