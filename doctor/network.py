"""Names, addresses and connections."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from doctor.deadlines import remaining
from doctor.texts import Text, printable, untranslated


class Url(NamedTuple):
    """The URL of an API. `text` is how it was written."""

    text: str
    scheme: str
    host: str
    port: int
    path: str
    has_userinfo: bool
    has_port: bool

    @property
    def authority(self) -> str:
        default_port = {"https": 443, "http": 80}.get(self.scheme)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default_port else f"{host}:{self.port}"

    @property
    def is_development(self) -> bool:
        """Whether it is plain HTTP on this machine, as a development server is reached."""
        return self.scheme == "http" and is_loopback(self.host)


def parse_url(text: str) -> Url:
    """Parse a URL; a bare host means https, or http on this machine. Raises ValueError."""
    split = urlsplit(text if "://" in text else f"https://{text}")
    if "://" not in text and is_loopback(split.hostname or ""):
        split = urlsplit(f"http://{text}")
    if not split.hostname or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError("the URL has no host")
    scheme = split.scheme.lower()
    port = split.port  # raises ValueError if it is not a number
    return Url(
        text=text,
        scheme=scheme,
        host=_ascii(split.hostname.rstrip(".")),
        port=port if port is not None else 80 if scheme == "http" else 443,
        path=split.path + (f"?{split.query}" if split.query else ""),
        has_userinfo="@" in split.netloc,
        has_port=port is not None,
    )


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ascii(host: str) -> str:
    """Encode a Chinese domain as DNS and TLS want it (IDNA)."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


class Address(NamedTuple):
    ip: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.ip

    def __str__(self) -> str:
        return self.ip


class Network:
    """Looks names up and connects. `overrides` replace the look-up, as curl's --resolve does."""

    def __init__(
        self, overrides: Mapping[tuple[str, int], Sequence[Address]] | None = None
    ) -> None:
        self._overrides = overrides or {}

    def is_overridden(self, host: str, port: int) -> bool:
        return (host, port) in self._overrides

    def addresses(self, host: str, port: int) -> list[Address]:
        """Return each address once. Raises OSError, or UnicodeError if it cannot be a name."""
        if self.is_overridden(host, port):
            return list(self._overrides[host, port])
        return [Address(ip, port) for ip in dict.fromkeys(self.lookup(host, port))]

    def lookup(self, host: str, port: int) -> list[str]:
        """Ask the system's resolver; not every one knows the names below localhost (RFC 6761)."""
        host = "localhost" if host.endswith(".localhost") else host
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [str(target[0]) for *_, target in found]

    def connect(self, address: Address, deadline: float) -> socket.socket:
        return socket.create_connection((address.ip, address.port), remaining(deadline))


def start_tls(
    sock: socket.socket, context: ssl.SSLContext, server_name: str | None, deadline: float
) -> ssl.SSLSocket:
    """Do the TLS handshake on a connection. Raises OSError, and has closed the connection then."""
    try:
        sock.settimeout(remaining(deadline))
        return context.wrap_socket(sock, server_hostname=server_name)
    except BaseException:
        sock.close()
        raise


def network_from(resolve: Iterable[str]) -> Network:
    """Build a network from the --resolve options. Raises ValueError."""
    overrides: dict[tuple[str, int], list[Address]] = {}
    for text in resolve:
        key, address = _parse_resolve(text)
        overrides.setdefault(key, []).append(address)
    return Network(overrides)


def _parse_resolve(text: str) -> tuple[tuple[str, int], Address]:
    """Parse HOST:PORT:ADDRESS[:PORT] as curl does, with an IPv6 address in brackets."""
    found = re.fullmatch(r"([^:\[\]]+):(\d{1,5}):(\[[0-9A-Fa-f:.]+\]|[0-9.]+)(?::(\d{1,5}))?", text)
    if found is None:
        raise ValueError("--resolve takes HOST:PORT:ADDRESS or HOST:PORT:ADDRESS:PORT")
    host, port, ip, other_port = found.groups()
    address = Address(str(ipaddress.ip_address(ip.strip("[]"))), int(other_port or port))
    return (host.lower(), int(port)), address


def describe_error(error: BaseException | None) -> Text:
    """Describe why a connection failed."""
    if isinstance(error, TimeoutError):
        return Text("no answer in time", "超时无响应")
    if isinstance(error, ConnectionRefusedError):
        return Text("connection refused", "连接被拒绝")
    if isinstance(error, ConnectionError) or closed_in_handshake(error):
        return Text("connection reset", "连接被重置")
    if isinstance(error, ssl.SSLError):
        reason = printable(error.reason or str(error), 60).lower().replace("_", " ")
        return Text(f"TLS error: {reason}", f"TLS 错误：{reason}")
    if error is None:
        return Text("unknown", "未知")
    text = printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, 80)
    return untranslated(text)


def closed_in_handshake(error: BaseException | None) -> bool:
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
