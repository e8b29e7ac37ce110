#!/usr/bin/env python3
"""Tells why a mini program cannot use this API, starting from what its phone shows.

    python3 myapi/doctor.py https://api.example.com --from-outside

One long file on purpose, on Python's standard library alone: it can be copied to a laptop and
run there by itself. `flask doctor` runs it on the server, with checks of its own beside these.

Its sections, from the top:

    Words       what it says, in English and Chinese
    Symptoms    what a phone shows, and the checks that explain it
    Checks      how a check is declared, run and reported
    Network     connections, TLS and HTTP, with a bound on all that is waited for or read
    Certificates as they are sent, trusted or not, and the roots to trust
    Visit       what there is to see of one URL, each thing looked at once
    Outside     the checks that anyone can make
    Server      the checks that are made on the server
    Command     arguments, output, exit status

What a server sends is never trusted: it is cut, cleaned and shown, and nothing of it is obeyed.
"""

from __future__ import annotations

import argparse
import contextlib
import email.utils
import errno
import functools
import hashlib
import ipaddress
import json
import locale
import os
import re
import shutil
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

T = TypeVar("T")

TOTAL = 20.0  # s that an examination lasts at most, whatever the server does
STEP = 6.0  # s for one thing looked at: name, connection, handshake and answer together
HEAD_LIMIT = 32 * 1024  # bytes of an answer's headers that are read
BODY_LIMIT = 128 * 1024  # and of its body
SHOWN = 160  # characters of a server's own text that are shown
ADDRESSES = 6  # of one name that are tried

DAY = 86400.0


# ---- Words --------------------------------------------------------------------------------------


class Said(NamedTuple):
    """One thing to say, in English and in Chinese."""

    en: str
    zh: str

    def of(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


NOTHING = Said(*("", ""))


def joined(parts: Iterable[Said]) -> Said:
    """Say several things after one another."""
    said = list(parts)
    return Said(*("; ".join(each.en for each in said), "；".join(each.zh for each in said)))


def as_is(text: str) -> Said:
    """Show what has no language: a number, a name, a line of a log."""
    return Said(*(text, text))


def shown(text: str | bytes, limit: int = SHOWN) -> str:
    """Make a foreign text fit to be shown: one printable line, and not a long one."""
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode("utf-8", "replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def language_of_the_system() -> str:
    """Return zh where this computer speaks Chinese, else en."""
    names = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    chosen = next(filter(None, names), "") or locale.getlocale()[0] or ""
    return "zh" if re.match(r"zh|chinese", chosen, re.IGNORECASE) else "en"


# ---- Symptoms -----------------------------------------------------------------------------------


class Symptom(NamedTuple):
    """What a phone shows. `wordings` finds it in what people write when they ask for help."""

    wordings: str
    text: Said


#: Every check names one or more of these; `--explain` goes from a wording to the checks.
SYMPTOMS: dict[str, Symptom] = {
    "domain_list": Symptom(
        r"domain list|600002|合法域名|域名.{0,4}(列表|配置|校验)|url not in",
        Said(
            "url not in domain list (errno 600002)",
            "url not in domain list：不在以下 request 合法域名列表中（errno 600002）",
        ),
    ),
    "bad_url": Symptom(
        r"600009|invalid url|bad url|无效.{0,3}(url|地址)",
        Said(
            "request:fail invalid url (errno 600009)", "request:fail URL 格式不合法（errno 600009）"
        ),
    ),
    "tool_only": Symptom(
        r"\btools?\b|on (the |a )?phone|real device|android|开发者工具|真机|手机|预览|体验版|安卓",
        Said(
            "it works in the developer tool, not on the phone",
            "开发者工具里正常，真机上不行",
        ),
    ),
    "network": Symptom(
        r"request:?\s?fail|60000[01]|602001|net::|ERR_FAILED|(?<![\d.])-[1-4](?!\d)|网络(错误|异常)",
        Said(
            "request:fail (errno 600001, 600000 or 602001; inside it errcode -1 to -4)",
            "request:fail（errno 600001、600000 或 602001，其中 errcode 为 -1 到 -4）",
        ),
    ),
    "not_resolved": Symptom(
        r"request:?\s?fail|NAME_NOT_RESOLVED|-105\b|-1003\b|unknown host|域名解析",
        Said(
            "net::ERR_NAME_NOT_RESOLVED (-105) in errno 600001",
            "errno 600001 中的 net::ERR_NAME_NOT_RESOLVED（-105）：域名解析失败",
        ),
    ),
    "refused": Symptom(
        r"request:?\s?fail|REFUSED|-102\b|-1004\b|拒绝连接|连接被拒",
        Said(
            "net::ERR_CONNECTION_REFUSED (-102) in errno 600001",
            "errno 600001 中的 net::ERR_CONNECTION_REFUSED（-102）：连接被拒绝",
        ),
    ),
    "timeout": Symptom(
        r"errno\W{0,3}5(?!\d)|^\W*5\W*$|time ?d? ?-?out|TIMED_OUT|-118\b|-1001\b|超时",
        Said("request:fail timeout (errno 5)", "request:fail timeout 请求超时（errno 5）"),
    ),
    "reset": Symptom(
        r"request:?\s?fail|RESET|-10[01]\b|CONNECTION_CLOSED|连接(被)?重置",
        Said(
            "net::ERR_CONNECTION_RESET (-101) in errno 600001",
            "errno 600001 中的 net::ERR_CONNECTION_RESET（-101）：连接被重置",
        ),
    ),
    "ssl": Symptom(
        r"ssl|hand\s?shake|\btls|-107\b|-1200\b|握手",
        Said("ssl hand shake error (-107)", "ssl hand shake error：TLS 握手失败（-107）"),
    ),
    "certificate": Symptom(
        r"-202\b|AUTHORITY_INVALID|-1202\b|certificate|ssl|hand\s?shake|证书",
        Said(
            "net::ERR_CERT_AUTHORITY_INVALID (-202) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_AUTHORITY_INVALID（-202）：证书不受信任",
        ),
    ),
    "certificate_name": Symptom(
        r"-200\b|COMMON_NAME|certificate|证书",
        Said(
            "net::ERR_CERT_COMMON_NAME_INVALID (-200) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_COMMON_NAME_INVALID（-200）：证书与域名不符",
        ),
    ),
    "certificate_date": Symptom(
        r"-201\b|CERT_DATE|expired|certificate|证书|过期",
        Said(
            "net::ERR_CERT_DATE_INVALID (-201) in errno 600001",
            "errno 600001 中的 net::ERR_CERT_DATE_INVALID（-201）：证书不在有效期内",
        ),
    ),
    "redirects": Symptom(
        r"600008|redirect|重定向|跳转|\b30[1278]\b",
        Said("too many redirects (errno 600008)", "重定向过多（errno 600008）"),
    ),
    "not_found": Symptom(
        r"\b404\b|not.found|html|unexpected token|找不到",
        Said(
            "success with statusCode 404, or HTML in res.data",
            "success 回调里 statusCode 为 404，或 res.data 是 HTML",
        ),
    ),
    "gateway": Symptom(
        r"\b50[234]\b|bad gateway|gateway time|service unavailable|网关",
        Said(
            "success with statusCode 502, 503 or 504",
            "success 回调里 statusCode 为 502、503 或 504",
        ),
    ),
    "too_large": Symptom(
        r"\b413\b|too large|过大|太大",
        Said("success with statusCode 413", "success 回调里 statusCode 为 413"),
    ),
    "login": Symptom(
        r"40013|40125|40243|misconfigured|50001|login|登录",
        Said(
            "every login fails with wechat_misconfigured (40013, 40125, 40243)",
            "所有登录都失败，返回 wechat_misconfigured（40013、40125、40243）",
        ),
    ),
    "allow_list": Symptom(
        r"40164|white ?list|allow list|白名单",
        Said(
            "errcode 40164: invalid ip, not in whitelist", "errcode 40164：服务器 IP 不在白名单中"
        ),
    ),
    "login_slow": Symptom(
        r"wechat_(unavailable|timeout)|50200|50400|login|登录",
        Said(
            "logins fail with wechat_unavailable or wechat_timeout",
            "登录失败，返回 wechat_unavailable 或 wechat_timeout",
        ),
    ),
    "failing": Symptom(
        r"\b50[03]\b|internal_error|service_unavailable|database|locked|数据库|服务器错误",
        Said(
            "success with statusCode 500 or 503 (service_unavailable)",
            "success 回调里 statusCode 为 500 或 503（service_unavailable）",
        ),
    ),
    "clock": Symptom(
        r"decrypt|解密|clock|时间|时钟",
        Said(
            'decrypt_failed, or a certificate that is "not yet valid"',
            "返回 decrypt_failed，或提示证书“尚未生效”",
        ),
    ),
    "slow": Symptom(
        r"\bslow|latency|卡|慢|延迟",
        Said("every call is slow", "每次请求都很慢"),
    ),
    "unseen": Symptom(
        r"security|安全",
        Said(
            "nothing on the phone yet: a risk, not a failure",
            "手机上暂时没有现象：这是风险，还不是故障",
        ),
    ),
}


# ---- Checks -------------------------------------------------------------------------------------

STATUSES = ("ok", "warn", "fail", "skip")


class Finding(NamedTuple):
    """What a check has found. Without a `fix` of its own, that of the check holds."""

    status: str
    evidence: Said
    fix: Said | None = None


ok = functools.partial(Finding, "ok")
warn = functools.partial(Finding, "warn")
fail = functools.partial(Finding, "fail")
skip = functools.partial(Finding, "skip")


class Check(NamedTuple):
    """One question to a visit. `symptoms` are keys of SYMPTOMS; `fix` is what mostly helps."""

    id: str
    run: Callable[[Visit], Finding]
    symptoms: tuple[str, ...]
    fix: Said

    @property
    def symptom(self) -> Said:
        return joined(SYMPTOMS[name].text for name in self.symptoms)


OUTSIDE: list[Check] = []
SERVER: list[Check] = []


def check(
    table: list[Check], *symptoms: str, fix: Said
) -> Callable[[Callable[..., Finding]], Callable[..., Finding]]:
    """Put a function into a table, as the check of its name (an underline behind it left out)."""

    def declare(run: Callable[..., Finding]) -> Callable[..., Finding]:
        table.append(Check(run.__name__.rstrip("_"), run, symptoms, fix))
        return run

    return declare


class Result(NamedTuple):
    """A line of the report."""

    id: str
    status: str
    symptom: Said
    evidence: Said
    fix: Said

    def spoken(self, language: str) -> dict[str, str]:
        texts = {name: getattr(self, name).of(language) for name in ("symptom", "evidence", "fix")}
        return {"id": self.id, "status": self.status, **texts}


def examine(visit: Visit, checks: Sequence[Check]) -> list[Result]:
    """Make all checks at once, and report those that have ended when the time is over.

    A daemon thread for each: what hangs, as a name server can, holds up neither the others nor
    the end.
    """
    found: dict[str, Finding] = {}

    def run(one: Check) -> None:
        try:
            found[one.id] = one.run(visit)
        except Exception as error:  # a server's answer nobody thought of: said, and not raised
            why = shown(f"{type(error).__name__}: {error}")
            found[one.id] = skip(Said(f"cannot judge: {why}", f"无法判断：{why}"))

    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in checks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, visit.until - time.monotonic()))
    late = skip(Said(f"not known after {visit.patience:g} s", f"{visit.patience:g} 秒后仍无结果"))
    findings = dict(found)  # a late thread may still add to the other
    return [_result(one, findings.get(one.id, late), visit.secrets) for one in checks]


def _result(one: Check, finding: Finding, secrets: Iterable[str]) -> Result:
    needs_fix = finding.status in ("warn", "fail")
    fix = (finding.fix or one.fix) if needs_fix else NOTHING
    hidden = [_without(said, secrets) for said in (finding.evidence, fix)]
    return Result(one.id, finding.status, one.symptom, *hidden)


def _without(said: Said, secrets: Iterable[str]) -> Said:
    for secret in filter(None, secrets):
        said = Said(*(text.replace(secret, "***") for text in said))
    return said


def explain(text: str, checks: Sequence[Check]) -> list[Result]:
    """Find the checks behind what a phone shows, those that explain most of it first."""
    matched = {name for name, s in SYMPTOMS.items() if re.search(s.wordings, text, re.IGNORECASE)}
    causes = [one for one in checks if matched & set(one.symptoms)]
    causes.sort(key=lambda one: (-len(matched & set(one.symptoms)), _place(one, matched)))
    return [Result(one.id, "skip", one.symptom, NOTHING, one.fix) for one in causes]


def _place(one: Check, matched: set[str]) -> int:
    """Tell how typical the symptoms are of a check, which names the most typical one first."""
    return min(place for place, name in enumerate(one.symptoms) if name in matched)


def exit_status(results: Iterable[Result]) -> int:
    statuses = {result.status for result in results}
    return 2 if "fail" in statuses else 1 if "warn" in statuses else 0


# ---- Network ------------------------------------------------------------------------------------


class Url(NamedTuple):
    """Where an API is. `text` is how it was written."""

    text: str
    scheme: str
    host: str
    port: int
    path: str
    userinfo: bool
    explicit_port: bool

    @property
    def authority(self) -> str:
        usual = {"https": 443, "http": 80}.get(self.scheme)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"


def read_url(text: str) -> Url:
    """Read a URL, or a bare name as https. Raises ValueError."""
    split = urlsplit(text if "://" in text else f"https://{text}")
    if not split.hostname or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError("no host in it")
    scheme = split.scheme.lower()
    port = split.port  # raises ValueError for one that is no number
    path = split.path + (f"?{split.query}" if split.query else "")
    userinfo = "@" in split.netloc
    return Url(
        text,
        scheme,
        _ascii(split.hostname.rstrip(".")),
        port if port is not None else 80 if scheme == "http" else 443,
        path,
        userinfo,
        port is not None,
    )


def _ascii(host: str) -> str:
    """Write a Chinese domain as it is on the wire."""
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
    """How names become addresses and addresses connections.

    `given` puts addresses in the place of what the name server says, as curl's --resolve does.
    """

    def __init__(self, given: Mapping[tuple[str, int], Sequence[Address]] | None = None) -> None:
        self._given = given or {}

    def is_given(self, host: str, port: int) -> bool:
        return (host, port) in self._given

    def addresses(self, host: str, port: int) -> list[Address]:
        """Return each address once. Raises OSError (UnicodeError for what is no name at all)."""
        if self.is_given(host, port):
            return list(self._given[host, port])
        return [Address(ip, port) for ip in dict.fromkeys(self.lookup(host, port))]

    def lookup(self, host: str, port: int) -> list[str]:
        """Ask the system; a test may put another in this one's place."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [str(target[0]) for *_, target in found]

    def connect(self, address: Address, until: float) -> socket.socket:
        return socket.create_connection((address.ip, address.port), _left(until))


def _left(until: float) -> float:
    """Return the seconds that are left, or raise TimeoutError."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left


class Answer(NamedTuple):
    """An answer over HTTP. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes
    first_byte: float  # s from the request to its first byte

    @property
    def body(self) -> bytes:
        """The body unpacked; as it came where it cannot be unpacked."""
        with contextlib.suppress(zlib.error):
            return self.unpacked()
        return self.raw

    def unpacked(self) -> bytes:
        """Raises zlib.error. No more of it than BODY_LIMIT, however much is packed."""
        if self.headers.get("content-encoding", "").lower() not in ("gzip", "deflate"):
            return self.raw
        return zlib.decompressobj(47).decompress(self.raw, BODY_LIMIT)

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object; {} for anything else."""
        try:
            found = json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_ours(self) -> bool:
        """Whether myapi itself answers, be it with an error."""
        found = self.json()
        return isinstance(found.get("code"), int) and isinstance(found.get("msg"), str)

    @property
    def summary(self) -> str:
        kind = shown(self.headers.get("content-type", "-"), 40)
        return f"HTTP {self.status}, {kind}: {shown(self.body, 80)}"


class GarbledError(OSError):
    """The other side does not speak HTTP."""


def ask(sock: socket.socket, request: bytes, until: float) -> Answer:
    """Send one request and read its answer, neither longer nor later than is good for us."""
    started = time.monotonic()
    sock.settimeout(_left(until))
    with contextlib.suppress(ConnectionError):  # a refusal may come before all is sent
        sock.sendall(request)
    data = _received(sock, until)
    first_byte = time.monotonic() - started
    while b"\r\n\r\n" not in data:
        more = _received(sock, until) if len(data) < HEAD_LIMIT else b""
        if not more:
            raise GarbledError(f"no HTTP: {shown(data, 60)}")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    status, headers = _head(head)
    raw = _body(sock, headers, body, until)
    return Answer(status, headers, raw, first_byte)


def _received(sock: socket.socket, until: float) -> bytes:
    sock.settimeout(_left(until))
    return sock.recv(16384)


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    status = re.match(r"HTTP/\d\.\d (\d{3})(?: |$)", first)
    if status is None:
        raise GarbledError(f"no HTTP: {shown(first, 60)}")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return int(status[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _body(sock: socket.socket, headers: Mapping[str, str], body: bytes, until: float) -> bytes:
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    length = headers.get("content-length", "")
    wanted = min(int(length), BODY_LIMIT) if re.fullmatch(r"\d{1,9}", length) else BODY_LIMIT
    while len(body) < wanted and not (chunked and body.endswith(b"0\r\n\r\n")):
        more = _received(sock, until)
        if not more:
            break
        body += more
    return _dechunked(body) if chunked else body[:wanted]


def _dechunked(data: bytes) -> bytes:
    """Put the pieces together, as far as they can be read."""
    whole = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if not re.fullmatch(rb"[0-9a-fA-F]{1,6}", size.partition(b";")[0].strip()):
            return whole
        length = int(size.partition(b";")[0], 16)
        if length == 0:
            return whole
        whole, data = whole + data[:length], data[length + 2 :]


def request(method: str, path: str, host: str, body: bytes | None = None, **headers: str) -> bytes:
    """Write a request after whose answer the connection ends."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "User-Agent: myapi-doctor"]
    lines += ["Accept: application/json, */*", "Connection: close"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


def why(error: BaseException) -> Said:
    """Say why a connection did not come about."""
    if isinstance(error, TimeoutError):
        return Said("no answer in time", "超时无应答")
    if isinstance(error, ConnectionRefusedError):
        return Said("connection refused", "连接被拒绝")
    if isinstance(error, ConnectionError) or _ended_early(error):
        return Said("connection reset", "连接被重置")
    if isinstance(error, ssl.SSLError):
        reason = shown(error.reason or str(error), 60).lower().replace("_", " ")
        return Said(f"TLS error: {reason}", f"TLS 错误：{reason}")
    text = shown(getattr(error, "strerror", None) or str(error) or type(error).__name__, 80)
    return as_is(text)


def _ended_early(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)


# ---- Certificates -------------------------------------------------------------------------------


class Certificate(NamedTuple):
    """A certificate as it was sent. Times are Unix seconds, `names` those it is good for."""

    der: bytes
    issuer: bytes
    subject: bytes
    not_before: float
    not_after: float
    names: tuple[str, ...]

    @property
    def self_signed(self) -> bool:
        return self.issuer == self.subject

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    def is_for(self, host: str) -> bool:
        return any(_matches(name.lower(), host.lower()) for name in self.names)


def _matches(pattern: str, host: str) -> bool:
    """Compare as RFC 6125 wants it: a star is one whole label, the first."""
    if pattern.startswith("*."):
        first, dot, rest = host.partition(".")
        return bool(first and dot) and rest == pattern[2:]
    return pattern == host


def read_certificate(der: bytes) -> Certificate:
    """Take what is needed out of a certificate (RFC 5280, 4.1). Raises ValueError."""
    try:
        (_, whole), *_ = _items(der)
        (_, signed), *_ = _items(whole)
        fields = _items(signed)
        if fields[0][0] == 0xA0:  # the version, which the oldest kind has not
            del fields[0]
        _, _, (_, issuer), (_, validity), (_, subject), *rest = fields
        start, end = (_time(*item) for item in _items(validity))
        return Certificate(der, issuer, subject, start, end, tuple(_names(rest)))
    except (IndexError, UnicodeError, OverflowError) as error:
        raise ValueError("no certificate") from error


def _items(data: bytes) -> list[tuple[int, bytes]]:
    """Split DER into its (tag, content) items."""
    items, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= 0x80:
            size = length - 0x80
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("cut off")
        items.append((tag, data[at : at + length]))
        at += length
    return items


def _time(tag: int, content: bytes) -> float:
    form = "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ"
    moment = datetime.strptime(content.decode("ascii"), form).replace(tzinfo=timezone.utc)
    return moment.timestamp()


def _names(rest: Sequence[tuple[int, bytes]]) -> Iterator[str]:
    """Find subjectAltName (2.5.29.17): its DNS names and addresses."""
    for _, extensions in (item for item in rest if item[0] == 0xA3):
        for _, extension in _items(_items(extensions)[0][1]):
            parts = _items(extension)
            if parts[0][1] == b"\x55\x1d\x11":
                for tag, value in _items(_items(parts[-1][1])[0][1]):
                    if tag == 0x82:
                        yield value.decode("ascii")
                    elif tag == 0x87 and len(value) in (4, 16):
                        yield str(ipaddress.ip_address(value))


def name_of(name: bytes) -> str:
    """Write a distinguished name as its common name, or else its organisation."""
    found = {}
    with contextlib.suppress(ValueError, IndexError):
        for _, relative in _items(name):
            for _, pair in _items(relative):
                (_, key), (_, value) = _items(pair)
                found[key] = shown(value, 80)
    return found.get(b"\x55\x04\x03") or found.get(b"\x55\x04\x0a") or "?"


def sent_chain(tls: ssl.SSLSocket) -> list[Certificate] | None:
    """Read the certificates that the server sent, trusted or not; None where nobody can tell.

    Public since Python 3.13; from 3.10 to 3.12 CPython has the same call one level below.
    """
    for holder in (tls, getattr(tls, "_sslobj", None)):
        get = getattr(holder, "get_unverified_chain", None)
        if get is not None:
            with contextlib.suppress(ValueError):
                return [read_certificate(_der(each)) for each in get() or ()]
    return None


def _der(certificate: Any) -> bytes:  # noqa: ANN401 (bytes, or a private class of CPython's)
    if isinstance(certificate, bytes):
        return certificate
    return ssl.PEM_cert_to_DER_cert(certificate.public_bytes())


#: Where systems keep their roots, for a Python that looks elsewhere (that of python.org on macOS).
ROOT_FILES = (
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
)
SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"


class Trust:
    """The roots to judge by: those of a file, or of this system. Never its intermediates."""

    def __init__(self, file: str | None = None) -> None:
        """Read the roots. Raises OSError (ssl.SSLError among them) for a `file` that has none."""
        self.private = file is not None
        self.on_demand = sys.platform == "win32" and file is None
        self._context = _plain_context()
        if file is not None:
            self._context.load_verify_locations(file)
        elif sys.platform == "win32":
            _load_windows_roots(self._context)
        else:
            _load_system_roots(self._context)

    @property
    def knows_any(self) -> bool:
        folder = ssl.get_default_verify_paths().capath
        in_folder = not self.private and folder is not None and any(Path(folder).glob("*.0"))
        return in_folder or bool(self._context.get_ca_certs())

    def context(self, *, checks_name: bool) -> ssl.SSLContext:
        self._context.verify_mode = ssl.CERT_REQUIRED
        if not checks_name:
            return self._context
        strict = _plain_context()
        if self._ders():
            strict.load_verify_locations(cadata=b"".join(self._ders()))
        if not self.private and not self.on_demand:
            strict.set_default_verify_paths()
        strict.check_hostname, strict.verify_mode = True, ssl.CERT_REQUIRED
        return strict

    def anchor(self, subject: bytes) -> Certificate | None:
        """Find what is trusted under a name; a root rather than what a root has signed."""
        found = []
        for der in self._ders():
            with contextlib.suppress(ValueError):
                certificate = read_certificate(der)
                if certificate.subject == subject:
                    found.append(certificate)
        return max(found, key=lambda certificate: certificate.self_signed, default=None)

    def _ders(self) -> list[bytes]:
        return self._context.get_ca_certs(binary_form=True)


def _plain_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _load_system_roots(context: ssl.SSLContext) -> None:
    context.set_default_verify_paths()
    folder = ssl.get_default_verify_paths().capath
    if context.get_ca_certs() or (folder and any(Path(folder).glob("*.0"))):
        return
    for file in ROOT_FILES:
        with contextlib.suppress(OSError):
            context.load_verify_locations(file)
            return


def _load_windows_roots(context: ssl.SSLContext) -> None:
    """Load ROOT alone. With CA, where Windows keeps intermediates, a chain with a gap passes."""
    enumerate_store: Any = getattr(ssl, "enum_certificates", None)
    for der, encoding, purposes in enumerate_store("ROOT") if enumerate_store else ():
        for_servers = purposes is True or SERVER_AUTHENTICATION in purposes
        if encoding == "x509_asn" and for_servers:
            with contextlib.suppress(ssl.SSLError):  # one that cannot be read is no root
                context.load_verify_locations(cadata=der)


# ---- Visit --------------------------------------------------------------------------------------


class Look(NamedTuple):
    """What one address showed. Times are in seconds."""

    address: Address
    refusal: Exception | None = None  # no connection
    tls_error: Exception | None = None  # a connection, and no TLS
    chain: list[Certificate] | None = None
    verdict: ssl.SSLCertVerificationError | None = None
    connected: float = 0.0
    secured: float = 0.0

    @property
    def usable(self) -> bool:
        return self.refusal is None and self.tls_error is None

    @property
    def leaf(self) -> Certificate | None:
        return self.chain[0] if self.chain else None

    @property
    def trouble(self) -> Exception | None:
        return self.refusal or self.tls_error


class Reply(NamedTuple):
    """An answer, or why there is none."""

    answer: Answer | None = None
    error: Exception | None = None


def once(see: Callable[[Visit], T]) -> Callable[[Visit], T]:
    """Look at a thing once, however many checks ask for it at the same time."""
    name = see.__name__

    @functools.wraps(see)
    def seen(visit: Visit) -> T:
        with visit.lock_of(name):
            if name not in visit.seen:
                visit.seen[name] = see(visit)
            return cast("T", visit.seen[name])

    return seen


class Visit:
    """One URL, and what is seen there. Nothing in it raises for what a server does."""

    def __init__(
        self,
        url: Url | None,
        *,
        network: Network | None = None,
        trust: Trust | None = None,
        server: Server | None = None,
        patience: float = TOTAL,
    ) -> None:
        """Look at nothing yet. `server` is this machine, where it is the API's own."""
        self._url = url
        self.network = network or Network()
        self.trust = trust or Trust()
        self.server = server
        self.patience = patience
        self.until = time.monotonic() + patience
        self.seen: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> Url:
        if self._url is None:
            raise ValueError("no URL was given")
        return self._url

    @property
    def public(self) -> bool:
        """Whether there is a URL that phones are to use."""
        return self._url is not None

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.server.secrets if self.server else ()

    def lock_of(self, name: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())

    def step(self) -> float:
        """Tell until when one thing may take."""
        return min(self.until, time.monotonic() + STEP)

    @once
    def addresses(self) -> list[Address] | Exception:
        try:
            return self.network.addresses(self.url.host, self.tls_port)[:ADDRESSES]
        except (OSError, UnicodeError) as error:
            return error

    @property
    def tls_port(self) -> int:
        """Where HTTPS is asked: also for a URL that says http by mistake."""
        return 443 if self.url.scheme == "http" else self.url.port

    @once
    def looks(self) -> list[Look]:
        """Try every address, all at the same time."""
        found = self.addresses()
        return [] if isinstance(found, Exception) else together(self._look, found)

    def best(self) -> Look | None:
        """Return the first address that speaks TLS, IPv4 before IPv6."""
        usable = [look for look in self.looks() if look.usable]
        return min(usable, key=lambda look: look.address.is_ipv6, default=None)

    def reached(self) -> Look | None:
        return next((look for look in self.looks() if look.refusal is None), None)

    def _look(self, address: Address) -> Look:
        until, started = self.step(), time.monotonic()
        try:
            sock = self.network.connect(address, until)
        except OSError as error:
            return Look(address, refusal=error)
        connected = time.monotonic() - started
        try:
            with self.secure(sock, _plain_context(), until) as tls:
                secured = time.monotonic() - started - connected
                chain = sent_chain(tls)
        except (OSError, ValueError) as error:
            return Look(address, tls_error=error, connected=connected)
        return Look(
            address,
            chain=chain,
            verdict=self._verdict(address),
            connected=connected,
            secured=secured,
        )

    def _verdict(self, address: Address) -> ssl.SSLCertVerificationError | None:
        """Have OpenSSL judge the chain by our roots; the name is looked at apart from it."""
        try:
            self.handshake(address, self.trust.context(checks_name=False))
        except ssl.SSLCertVerificationError as error:
            return error
        except (OSError, ValueError):
            return None
        return None

    def handshake(self, address: Address, context: ssl.SSLContext, name: str | None = "") -> None:
        """Shake hands and leave. Raises OSError. `name` is whom to ask for; None is nobody."""
        until = self.step()
        sock = self.network.connect(address, until)
        with self.secure(sock, context, until, name):
            pass

    def secure(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        until: float,
        name: str | None = "",
    ) -> ssl.SSLSocket:
        try:
            sock.settimeout(_left(until))
            return context.wrap_socket(sock, server_hostname=self.url.host if name == "" else name)
        except BaseException:
            sock.close()
            raise

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Ask the API over HTTPS, whatever its certificate: nothing secret is sent."""
        look = self.best()
        if look is None:
            return Reply()
        until = self.step()
        try:
            sock = self.network.connect(look.address, until)
            with self.secure(sock, _plain_context(), until) as tls:
                text = request(method, path, self.url.authority, body, **headers)
                return Reply(ask(tls, text, until))
        except (OSError, ValueError) as error:
            return Reply(error=error)

    @once
    def hello(self) -> Reply:
        return self.call("GET", "/api/hello", Accept_Encoding="gzip")

    @once
    def plain(self) -> Reply:
        """Ask for the same without TLS, on the port of HTTP."""
        until = self.step()
        port = self.url.port if self.url.scheme == "http" else 80
        try:
            addresses = self.network.addresses(self.url.host, port)
            first = min(addresses, key=lambda address: address.is_ipv6)
            with self.network.connect(first, until) as sock:
                return Reply(ask(sock, request("GET", "/api/hello", self.url.host), until))
        except (OSError, ValueError) as error:
            return Reply(error=error)


def together(see: Callable[[Any], T], things: Sequence[Any]) -> list[T]:
    """Do the same with several things at once; in their order, those that came to an end."""
    found: dict[int, T] = {}

    def run(place: int, thing: object) -> None:
        found[place] = see(thing)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(things)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * STEP)
    return [found[place] for place in sorted(found.copy())]


# ---- Outside ------------------------------------------------------------------------------------

NOT_REACHED = Said("no HTTPS connection came about", "没有建立 HTTPS 连接")
NO_ANSWER = Said("no answer to judge by", "没有可供判断的应答")
NOT_THE_API = Said("it is not the API that answers", "应答的不是本 API")


@check(
    OUTSIDE,
    "domain_list",
    "tool_only",
    "bad_url",
    fix=Said(
        "give the mini program, and its console, https://NAME alone: a name in lower case,"
        " no port, no path",
        "小程序代码和后台的 request 合法域名都只写 https://域名：小写，不带端口和路径",
    ),
)
def url(visit: Visit) -> Finding:
    """Whether the URL is one that WeChat takes."""
    wrong = list(_wrong_with(visit.url))
    if wrong:
        return fail(joined(wrong))
    if visit.url.explicit_port:
        return warn(
            Said(
                "a port is written: it must stand in the console too",
                "写了端口：后台也必须写同样的端口",
            ),
            Said("leave the port out, here and in the console", "代码和后台都不要写端口"),
        )
    return ok(as_is(f"https://{visit.url.host}"))


def _wrong_with(url: Url) -> Iterator[Said]:
    if url.scheme != "https":
        scheme = shown(url.scheme, 20)
        yield Said(f"the scheme is {scheme}, not https", f"协议是 {scheme}，不是 https")
    if url.userinfo:
        yield Said("a user name stands in it", "地址里带有用户名")
    if url.path.strip("/"):
        yield Said("a path stands in it", "地址里带有路径")
    if re.search(r"[A-Z]", url.text):
        yield Said("upper case stands in it", "地址里有大写字母")
    if url.scheme == "https" and url.explicit_port and url.port == 443:
        yield Said(
            ":443 is written, which fails with no port in the console",
            "写了 :443，而后台没有配置端口，会校验失败",
        )
    yield from _wrong_with_host(url.host)


def _wrong_with_host(host: str) -> Iterator[Said]:
    if is_address(host):
        yield Said("it is an IP address, not a name", "用的是 IP 地址，不是域名")
    elif "." not in host or "_" in host:
        yield Said("this is no public domain name", "这不是公网域名")
    if host.endswith("weixin.qq.com"):
        yield Said("WeChat's own domain cannot be listed", "微信自己的域名不能配置为合法域名")


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@check(
    OUTSIDE,
    "not_resolved",
    "tool_only",
    fix=Said(
        "at the domain's DNS provider, let an A record point to the server's public IPv4 address",
        "到域名的 DNS 服务商处，把 A 记录指向服务器的公网 IPv4 地址",
    ),
)
def dns(visit: Visit) -> Finding:
    """Whether the name has addresses that a phone can reach."""
    found = visit.addresses()
    host = visit.url.host
    if isinstance(found, Exception):
        reason = shown(getattr(found, "strerror", None) or str(found), 60)
        return fail(Said(f"{host} has no address ({reason})", f"{host} 没有解析结果（{reason}）"))
    if not found:
        return fail(Said(f"{host} has no address", f"{host} 没有解析结果"))
    listed = ", ".join(map(str, found))
    if visit.network.is_given(host, visit.tls_port):
        return ok(Said(f"{listed}, as given with --resolve", f"{listed}，由 --resolve 指定"))
    if any(_is_fake(address.ip) for address in found):
        return skip(
            Said(
                f"{listed}: a proxy or VPN on this computer answers in the name server's place;"
                " turn it off to judge",
                f"{listed}：本机的代理或 VPN 代替 DNS 做了应答；关掉它才能判断",
            )
        )
    private = [address.ip for address in found if not ipaddress.ip_address(address.ip).is_global]
    if private:
        return fail(
            Said(
                f"{', '.join(private)} is no public address: other networks cannot reach it",
                f"{', '.join(private)} 不是公网地址，其他网络访问不到",
            )
        )
    return ok(as_is(listed))


def _is_fake(ip: str) -> bool:
    """Whether an address is one that proxy software makes up (198.18.0.0/15, RFC 2544)."""
    return ipaddress.ip_address(ip) in ipaddress.ip_network("198.18.0.0/15")


@check(
    OUTSIDE,
    "refused",
    "timeout",
    "network",
    fix=Said(
        "start Nginx, let it listen on 443, and open 443 twice: in the server's firewall and in"
        " the cloud console's (security group)",
        "启动 Nginx 并监听 443；443 要放行两处：服务器防火墙，以及云控制台的防火墙（安全组）",
    ),
)
def port(visit: Visit) -> Finding:
    """Whether the port of HTTPS is open, at every IPv4 address."""
    looks = [look for look in visit.looks() if not look.address.is_ipv6] or visit.looks()
    if not looks:
        return skip(Said("there is no address to try", "没有可以尝试的地址"))
    shut = joined(
        Said(f"{each.address}: {reason.en}", f"{each.address}：{reason.zh}")
        for each in looks
        if each.refusal and (reason := why(each.refusal))
    )
    if shut == NOTHING:
        return ok(Said(f"port {visit.tls_port} is open", f"端口 {visit.tls_port} 已开放"))
    at = Said(f"port {visit.tls_port} at {shut.en}", f"端口 {visit.tls_port}，{shut.zh}")
    some = any(each.refusal is None for each in looks)
    if some:
        remove = Said(
            "take the dead address out of the DNS, or bring its server up",
            "从 DNS 中删掉不通的地址，或恢复那台服务器",
        )
        return fail(at, remove)
    return fail(at)


#: What says of this computer, not of the server, that it has no IPv6.
NO_ROUTE = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH, errno.EAFNOSUPPORT}


@check(
    OUTSIDE,
    "timeout",
    "refused",
    "network",
    "tool_only",
    fix=Said(
        "delete the AAAA record of the name, or let Nginx listen on that address too"
        " (listen [::]:443 ssl)",
        "删除该域名的 AAAA 记录，或让 Nginx 也监听这个地址（listen [::]:443 ssl）",
    ),
)
def ipv6(visit: Visit) -> Finding:
    """Whether an AAAA record leads to the same server: many phones take IPv6 first."""
    looks = [look for look in visit.looks() if look.address.is_ipv6]
    if not looks:
        return ok(Said("no AAAA record", "没有 AAAA 记录"))
    for look in looks:
        if _no_route(look):
            return skip(
                Said(
                    f"{look.address}: this computer has no IPv6, so it cannot be tried from here",
                    f"{look.address}：本机没有 IPv6，无法从这里测试",
                )
            )
        if look.trouble:
            reason = why(look.trouble)
            return fail(Said(f"{look.address}: {reason.en}", f"{look.address}：{reason.zh}"))
        if look.leaf and not look.leaf.is_for(visit.url.host):
            return fail(
                Said(
                    f"{look.address} is another server: its certificate is for"
                    f" {_listed(look.leaf)}",
                    f"{look.address} 是另一台服务器：它的证书属于 {_listed(look.leaf)}",
                )
            )
    return ok(Said("the AAAA record leads to the server", "AAAA 记录指向本服务器"))


def _no_route(look: Look) -> bool:
    return isinstance(look.refusal, OSError) and look.refusal.errno in NO_ROUTE


def _listed(certificate: Certificate) -> str:
    return shown(", ".join(certificate.names[:5]) or name_of(certificate.subject))


@check(
    OUTSIDE,
    "ssl",
    "network",
    fix=Said(
        "write `listen 443 ssl;` with ssl_certificate and ssl_certificate_key in Nginx's server"
        " block, test with `nginx -t`, and reload",
        "在 Nginx 的 server 块中写 `listen 443 ssl;` 并配置 ssl_certificate 和"
        " ssl_certificate_key，用 `nginx -t` 检查后重新加载",
    ),
)
def plain_http(visit: Visit) -> Finding:
    """Whether plain HTTP is spoken where TLS should be."""
    look = visit.reached()
    if look is None:
        return skip(NOT_REACHED)
    if look.usable:
        return ok(Said("TLS is spoken", "该端口使用 TLS"))
    until = visit.step()
    try:
        with visit.network.connect(look.address, until) as sock:
            answer = ask(sock, request("GET", "/", visit.url.host), until)
    except (OSError, ValueError):
        return ok(Said("no plain HTTP there", "该端口没有明文 HTTP"))
    if answer.status == 400 and b"HTTPS port" in answer.body:
        return ok(Said("TLS is spoken", "该端口使用 TLS"))
    return fail(
        Said(
            f"port {visit.tls_port} answers plain HTTP ({answer.status})",
            f"端口 {visit.tls_port} 应答的是明文 HTTP（{answer.status}）",
        )
    )


@check(
    OUTSIDE,
    "ssl",
    "reset",
    "network",
    fix=Said(
        "look into Nginx's error log: `ssl_protocols TLSv1.2 TLSv1.3;`, a certificate for this"
        " name, and a key that belongs to it are needed",
        "查看 Nginx 错误日志：需要 `ssl_protocols TLSv1.2 TLSv1.3;`、该域名的证书和匹配的私钥",
    ),
)
def tls(visit: Visit) -> Finding:
    """Whether TLS comes about at all."""
    look = visit.best() or visit.reached()
    if look is None:
        return skip(NOT_REACHED)
    if look.tls_error is None:
        return ok(Said("the handshake succeeds", "握手成功"))
    reason = why(look.tls_error)
    return fail(Said(f"{look.address}: {reason.en}", f"{look.address}：{reason.zh}"))


#: What the clouds' interception pages hold. A filing number in a page's own footer is none.
INTERCEPTION = re.compile(
    rb"Non-compliance ICP Filing|batit\.aliyun\.com|webblock\.html|/webblock|"
    + "未备案|没有备案|备案拦截|尚未完成备案|未取得.{0,4}备案|非法阻断".encode()
)


@check(
    OUTSIDE,
    "reset",
    "network",
    "domain_list",
    fix=Said(
        "have the domain filed (ICP) with the cloud that the server stands at, a second time"
        " after a move to another cloud; until then no mini program can use it",
        "在服务器所在的云厂商完成 ICP 备案（换云厂商要做接入备案）；"
        "备案完成之前小程序无法使用该域名",
    ),
)
def icp(visit: Visit) -> Finding:
    """Whether the network stops the name because it is not filed with the authorities."""
    plain = visit.plain()
    if plain.answer and _is_interception(plain.answer):
        return fail(
            Said(
                f"port 80 answers with an interception page (HTTP {plain.answer.status})",
                f"80 端口返回的是备案拦截页（HTTP {plain.answer.status}）",
            )
        )
    look = visit.best() or visit.reached()
    if look and _was_reset(look.tls_error) and _answers_others(visit, look.address):
        return fail(
            Said(
                f"{look.address} resets a handshake that names {visit.url.host},"
                " and answers one that does not",
                f"{look.address} 遇到 {visit.url.host} 这个名字就重置握手，换个名字却能应答",
            )
        )
    if look is None or not look.usable:
        return skip(Said("cannot judge without a connection", "没有建立连接，无法判断"))
    return ok(
        Said(
            "nothing stops the name on the way from here; whether it is filed stands in the"
            " register of the MIIT (beian.miit.gov.cn)",
            "从这里访问没有被拦截；是否已备案以工信部备案系统（beian.miit.gov.cn）为准",
        )
    )


def _is_interception(answer: Answer) -> bool:
    head = f"{answer.headers.get('location', '')} {answer.headers.get('server', '')}".encode()
    beaver = answer.status == 403 and answer.headers.get("server", "").lower() == "beaver"
    return beaver or bool(INTERCEPTION.search(head) or INTERCEPTION.search(answer.body))


def _was_reset(error: Exception | None) -> bool:
    if isinstance(error, TimeoutError) or error is None:
        return False
    return isinstance(error, ConnectionError) or _ended_early(error)


def _answers_others(visit: Visit, address: Address) -> bool:
    """Whether a handshake without the name gets any answer of TLS, be it an alert."""
    try:
        visit.handshake(address, _plain_context(), name=None)
    except ssl.SSLError as error:
        return not _ended_early(error)
    except (OSError, ValueError):
        return False
    return True


UNREADABLE = Said(
    "cannot judge: this Python does not show the certificates that were sent",
    "无法判断：当前 Python 读不到服务器发来的证书",
)
NO_ROOTS = Said(
    "cannot judge: no root certificates were found on this computer; name a file with --ca",
    "无法判断：本机没有找到根证书；请用 --ca 指定文件",
)


def path_of(chain: Sequence[Certificate]) -> list[Certificate]:
    """Follow the issuers from the first certificate, as far as those sent lead."""
    path = [chain[0]]
    while not path[-1].self_signed:
        above = [each for each in chain if each.subject == path[-1].issuer and each not in path]
        if not above:
            break
        path.append(above[0])
    return path


@check(
    OUTSIDE,
    "tool_only",
    "certificate",
    "ssl",
    fix=Said(
        "let ssl_certificate name the full chain (certbot's fullchain.pem; of a downloaded zip the"
        " .pem, with the intermediate below the domain's certificate), then reload Nginx",
        "ssl_certificate 要指向完整证书链（certbot 用 fullchain.pem；下载的 zip 用其中的 .pem，"
        "域名证书之后要有中间证书），然后重新加载 Nginx",
    ),
)
def chain(visit: Visit) -> Finding:
    """Whether the intermediate is sent: Android does not fetch one that is missing."""
    look = visit.best()
    if look is None:
        return skip(NOT_REACHED)
    if not look.chain:
        return _chain_by_verdict(look)
    path = path_of(look.chain)
    top, sent = path[-1], len(look.chain)
    missing = name_of(top.issuer)
    if top.self_signed:
        return ok(
            Said(
                f"{sent} certificates sent, up to {missing}",
                f"发送了 {sent} 个证书，直到 {missing}",
            )
        )
    if not visit.trust.knows_any:
        return skip(NO_ROOTS)
    anchor = visit.trust.anchor(top.issuer)
    if anchor and not anchor.self_signed:
        return fail(
            Said(
                f"{missing} is not sent; only this computer happens to know it",
                f"没有发送 {missing}；只是本机恰好认识它",
            )
        )
    if anchor or look.verdict is None:
        return _order_of(look.chain, path, missing)
    return _no_anchor(visit, path, missing)


def _chain_by_verdict(look: Look) -> Finding:
    """Judge by OpenSSL's word alone (20 and 21: an issuer was not found)."""
    if look.verdict and look.verdict.verify_code in (20, 21):
        return fail(Said("an issuer is neither sent nor known", "签发者既没有发送，也不认识"))
    return skip(UNREADABLE)


def _order_of(sent: Sequence[Certificate], path: Sequence[Certificate], root: str) -> Finding:
    if list(sent[: len(path)]) != list(path):
        return warn(
            Said(
                "the certificates are sent in the wrong order, which old phones refuse",
                "证书发送的顺序不对，旧手机会拒绝",
            )
        )
    return ok(
        Said(
            f"{len(sent)} certificates sent, signed by {root}",
            f"发送了 {len(sent)} 个证书，由 {root} 签发",
        )
    )


def _no_anchor(visit: Visit, path: Sequence[Certificate], missing: str) -> Finding:
    if len(path) == 1:
        return fail(
            Said(
                f"the domain's certificate alone is sent; {missing}, which signed it, is missing",
                f"只发送了域名证书，缺少签发它的中间证书 {missing}",
            )
        )
    if visit.trust.on_demand:
        return skip(
            Said(
                f"cannot judge: Windows fetches roots when needed, and has not {missing} yet",
                f"无法判断：Windows 按需下载根证书，目前还没有 {missing}",
            )
        )
    return fail(
        Said(
            f"{missing} is neither sent nor a root that is known here",
            f"{missing} 既没有发送，也不是本机认识的根证书",
        )
    )


@check(
    OUTSIDE,
    "certificate",
    "ssl",
    "tool_only",
    fix=Said(
        "take a certificate from a public authority (certbot, or the cloud's free one): phones"
        " trust no other, and WeChat offers no way around",
        "改用公共机构签发的证书（certbot，或云厂商的免费证书）：手机不信任其他证书，微信也没有绕过的办法",
    ),
)
def self_signed(visit: Visit) -> Finding:
    """Whether somebody has signed the certificate whom phones know."""
    look = visit.best()
    if look is None:
        return skip(NOT_REACHED)
    code = look.verdict.verify_code if look.verdict else 0
    if (look.leaf and look.leaf.self_signed) or code == 18:
        return fail(Said("the certificate is signed by itself", "证书是自签名的"))
    if code == 19:
        root = name_of(path_of(look.chain)[-1].subject) if look.chain else "?"
        return fail(Said(f"its authority {root} is a private one", f"签发机构 {root} 是私有的"))
    if look.leaf is None and look.verdict is None:
        return skip(UNREADABLE)
    return ok(Said("signed by an authority", "由证书机构签发"))


@check(
    OUTSIDE,
    "certificate_name",
    "certificate",
    "ssl",
    fix=Said(
        "take a certificate for exactly this name, and see that Nginx's server_name is this name:"
        " otherwise the default server's certificate is sent",
        "申请与该域名完全一致的证书，并确认 Nginx 的 server_name 是这个域名，"
        "否则发送的是默认站点的证书",
    ),
)
def name(visit: Visit) -> Finding:
    """Whether the certificate is for this name."""
    look = visit.best()
    if look is None:
        return skip(NOT_REACHED)
    if look.leaf is None:
        return skip(UNREADABLE)
    listed = _listed(look.leaf)
    if look.leaf.is_for(visit.url.host):
        return ok(Said(f"for {listed}", f"属于 {listed}"))
    return fail(
        Said(f"for {listed}, not for {visit.url.host}", f"属于 {listed}，而不是 {visit.url.host}")
    )


@check(
    OUTSIDE,
    "certificate_date",
    "certificate",
    "ssl",
    fix=Said(
        "renew it (`certbot renew`, or upload the new one), reload Nginx, and see why the renewal"
        " did not come by itself (check renewal, on the server)",
        "更新证书（`certbot renew` 或上传新证书），重新加载 Nginx，并查明为什么没有自动续期"
        "（在服务器上看 renewal 检查项）",
    ),
)
def dates(visit: Visit) -> Finding:
    """Whether the certificate is valid today and for a while; by this computer's clock."""
    look = visit.best()
    if look is None:
        return skip(NOT_REACHED)
    if not look.chain:
        return skip(UNREADABLE)
    now = time.time()
    for certificate in path_of(look.chain):
        told = _out_of_date(certificate, now)
        if told:
            return fail(told)
    leaf = look.chain[0]
    left = (leaf.not_after - now) / DAY
    until = Said(
        f"{left:.1f} days left, until {_day(leaf)}", f"还剩 {left:.1f} 天，到 {_day(leaf)}"
    )
    return Finding(_urgency(leaf, now), until)


def _out_of_date(certificate: Certificate, now: float) -> Said | None:
    who = name_of(certificate.subject)
    if now > certificate.not_after:
        day = _day(certificate)
        return Said(f"the certificate of {who} expired on {day}", f"{who} 的证书已于 {day} 过期")
    if now < certificate.not_before:
        day = f"{datetime.fromtimestamp(certificate.not_before, timezone.utc):%Y-%m-%d}"
        return Said(
            f"the certificate of {who} is not valid before {day}", f"{who} 的证书 {day} 才生效"
        )
    return None


def _day(certificate: Certificate) -> str:
    return f"{datetime.fromtimestamp(certificate.not_after, timezone.utc):%Y-%m-%d}"


def _urgency(certificate: Certificate, now: float) -> str:
    """Renewal is due with a third of the lifetime left; a quarter says that it did not come."""
    lifetime = certificate.not_after - certificate.not_before
    left = certificate.not_after - now
    if left < min(lifetime / 20, 3 * DAY):
        return "fail"
    return "warn" if left < min(lifetime / 4, 30 * DAY) else "ok"


#: Roots by their common name, and since when phones have them. Others are not judged.
OLD_ROOTS = {
    "Baltimore CyberTrust Root",
    "Certum Trusted Network CA",
    "DigiCert Global Root CA",
    "DigiCert Global Root G2",
    "DigiCert High Assurance EV Root CA",
    "GlobalSign",
    "GlobalSign Root CA",
    "Go Daddy Root Certificate Authority - G2",
    "Starfield Root Certificate Authority - G2",
    "Starfield Services Root Certificate Authority - G2",
    "USERTrust ECC Certification Authority",
    "USERTrust RSA Certification Authority",
}
ROOTS_SINCE = {
    "ISRG Root X1": "Android 7.1.1, iOS 10",
}
NEW_ROOTS = {
    "ISRG Root X2",
    "ISRG Root YE",
    "ISRG Root YR",
    "DigiCert TLS ECC P384 Root G5",
    "DigiCert TLS RSA4096 Root G5",
    "Sectigo Public Server Authentication Root E46",
    "Sectigo Public Server Authentication Root R46",
}


@check(
    OUTSIDE,
    "tool_only",
    "certificate",
    fix=Said(
        "send the long chain, up to an older root: with certbot --preferred-chain 'ISRG Root X1',"
        " elsewhere the chain with the cross-signed intermediate",
        "发送能追溯到较老根证书的长链：certbot 用 --preferred-chain 'ISRG Root X1'，"
        "其他机构选用带交叉签名中间证书的链",
    ),
)
def old_phones(visit: Visit) -> Finding:
    """Whether phones that get no updates any more know the root."""
    look = visit.best()
    if look is None:
        return skip(NOT_REACHED)
    if not look.chain:
        return skip(UNREADABLE)
    root = name_of(path_of(look.chain)[-1].issuer)
    if root in NEW_ROOTS:
        return warn(
            Said(f"{root} is unknown to phones a few years old", f"几年前的手机不认识 {root}")
        )
    if root in ROOTS_SINCE:
        since = ROOTS_SINCE[root]
        return ok(Said(f"{root} is known since {since}", f"{root} 从 {since} 起受信任"))
    if root in OLD_ROOTS:
        return ok(Said(f"{root} is known to old phones too", f"旧手机也认识 {root}"))
    return skip(Said(f"cannot judge how old phones take {root}", f"无法判断旧手机是否认识 {root}"))


@check(
    OUTSIDE,
    "ssl",
    "tool_only",
    fix=Said(
        "write `ssl_protocols TLSv1.2 TLSv1.3;` in Nginx, and reload",
        "在 Nginx 中写 `ssl_protocols TLSv1.2 TLSv1.3;` 并重新加载",
    ),
)
def tls_versions(visit: Visit) -> Finding:
    """Whether TLS 1.2, which old phones need, and 1.3 are both offered."""
    look = visit.best() or visit.reached()
    if look is None or isinstance(look.tls_error, TimeoutError):
        return skip(NOT_REACHED)
    offered = {
        version: _offers(visit, look.address, version)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    }
    older, newer = offered.values()
    if older and newer:
        return ok(as_is("TLS 1.2, TLS 1.3"))
    if not older:
        told = Said("TLS 1.2 is not offered", "没有提供 TLS 1.2")
        return (
            fail(told)
            if newer
            else fail(Said("neither TLS 1.2 nor 1.3 is offered", "TLS 1.2 和 1.3 都没有提供"))
        )
    if not ssl.HAS_TLSv1_3:
        return skip(Said("this Python knows no TLS 1.3", "当前 Python 不支持 TLS 1.3"))
    return warn(Said("TLS 1.3 is not offered", "没有提供 TLS 1.3"))


def _offers(visit: Visit, address: Address, version: ssl.TLSVersion) -> bool:
    context = _plain_context()
    try:
        context.minimum_version = context.maximum_version = version
        visit.handshake(address, context)
    except (OSError, ValueError):
        return False
    return True


@check(
    OUTSIDE,
    "unseen",
    fix=Said(
        "take TLSv1 and TLSv1.1 out of ssl_protocols: no phone that runs WeChat needs them",
        "从 ssl_protocols 中去掉 TLSv1 和 TLSv1.1：能运行微信的手机都不需要它们",
    ),
)
def tls_old(visit: Visit) -> Finding:
    """Whether TLS 1.0 or 1.1 is still offered. Asked by hand: today's OpenSSL refuses to."""
    look = visit.best() or visit.reached()
    if look is None:
        return skip(NOT_REACHED)
    until = visit.step()
    try:
        with visit.network.connect(look.address, until) as sock:
            sock.settimeout(_left(until))
            sock.sendall(client_hello(visit.url.host))
            reply = b""
            while len(reply) < 11 and (more := _received(sock, until)):
                reply += more
    except OSError:
        reply = b""
    if reply[:1] == b"\x16" and reply[5:6] == b"\x02" and reply[9:11] in (b"\3\1", b"\3\2"):
        version = "1.1" if reply[9:11] == b"\3\2" else "1.0"
        return warn(Said(f"TLS {version} is offered", f"仍提供 TLS {version}"))
    return ok(Said("TLS 1.0 and 1.1 are refused", "已拒绝 TLS 1.0 和 1.1"))


def client_hello(host: str) -> bytes:
    """Write a ClientHello that asks for TLS 1.1 at most (RFC 4346; the name: RFC 6066)."""

    def sized(content: bytes, size: int) -> bytes:
        return len(content).to_bytes(size, "big") + content

    ciphers = bytes.fromhex("c013c014c009c00a002f0035000a")
    names = sized(b"\0" + sized(host.encode("ascii"), 2), 2)
    extensions = (
        b"\0\0"
        + sized(names, 2)
        + bytes.fromhex("000a 0006 0004 0017 0018")  # the curves P-256 and P-384
        + bytes.fromhex("000b 0002 0100")  # points uncompressed
    )
    hello = b"\3\2" + os.urandom(32) + b"\0" + sized(ciphers, 2) + b"\1\0" + sized(extensions, 2)
    return b"\x16\3\1" + sized(b"\1" + sized(hello, 3), 2)


@check(
    OUTSIDE,
    "redirects",
    "domain_list",
    fix=Said(
        "answer under the very name that the mini program calls; a redirect to a name that is not"
        " on the domain list fails, and one of a POST loses its body",
        "让小程序访问的域名直接应答；跳转到不在合法域名列表中的域名会失败，POST 跳转还会丢失请求体",
    ),
)
def redirect(visit: Visit) -> Finding:
    """Whether calls are sent elsewhere."""
    answer = visit.hello().answer
    if answer is None:
        return skip(NO_ANSWER)
    if not 300 <= answer.status < 400:
        return ok(Said("no redirect", "没有跳转"))
    target = shown(answer.headers.get("location", "?"), 100)
    return fail(Said(f"HTTP {answer.status} to {target}", f"HTTP {answer.status}，跳转到 {target}"))


@check(
    OUTSIDE,
    "gateway",
    "timeout",
    "failing",
    fix=Said(
        "the app behind Nginx does not answer: `systemctl status` and `journalctl -u` of its"
        " service say why; see that proxy_pass and MYAPI_BIND name the same socket",
        "Nginx 后面的应用没有应答：用 `systemctl status` 和 `journalctl -u` 查看服务，"
        "并确认 proxy_pass 与 MYAPI_BIND 指向同一个地址",
    ),
)
def gateway(visit: Visit) -> Finding:
    """Whether the proxy reaches the app."""
    reply = visit.hello()
    if reply.answer is None:
        return _no_answer(reply)
    if reply.answer.status < 500:
        return ok(as_is(f"HTTP {reply.answer.status}"))
    told = as_is(reply.answer.summary)
    if visit.server is None or not visit.server.bind:
        return fail(told)
    at_socket = ask_app(visit.server.bind, "/healthz", visit.step())
    if at_socket.answer is not None and at_socket.answer.status == 200:
        return fail(
            joined(
                [
                    told,
                    Said("the app itself answers at its socket", "应用本身在它的套接字上应答正常"),
                ]
            ),
            Said(
                "Nginx asks in the wrong place, or may not: compare proxy_pass with MYAPI_BIND,"
                " and see the socket's file mode",
                "Nginx 访问的地址不对，或没有权限：核对 proxy_pass 与 MYAPI_BIND，"
                "并检查套接字的权限",
            ),
        )
    return fail(joined([told, Said("the app itself does not answer either", "应用本身也没有应答")]))


def _no_answer(reply: Reply) -> Finding:
    if reply.error is None:
        return skip(NOT_REACHED)
    reason = why(reply.error)
    return fail(Said(f"TLS stands, but: {reason.en}", f"TLS 已建立，但是：{reason.zh}"))


@check(
    OUTSIDE,
    "not_found",
    "tool_only",
    fix=Said(
        "in Nginx's server block of this name: `location /api/ { proxy_pass http://…; }`, without"
        " a path or slash behind the address; then /api/hello arrives whole",
        "在该域名的 server 块中写 `location /api/ { proxy_pass http://…; }`，"
        "地址后面不要带路径或斜杠，这样 /api/hello 才会原样到达",
    ),
)
def route(visit: Visit) -> Finding:
    """Whether /api/hello is answered by the API, with its JSON."""
    answer = visit.hello().answer
    if answer is None:
        return skip(NO_ANSWER)
    if 300 <= answer.status < 400 or answer.status >= 500:
        return skip(Said("see redirect and gateway", "见 redirect 和 gateway 检查项"))
    if answer.status == 200 and answer.is_ours and answer.json()["code"] == 0:
        return ok(as_is(answer.summary))
    told = as_is(answer.summary)
    if answer.is_ours and answer.status == 404:
        stripped = Said(
            "the API answers, but does not know the path: the prefix /api was lost on the way",
            "API 有应答，但不认识这个路径：/api 前缀在途中丢失了",
        )
        return fail(joined([told, stripped]))
    if answer.status == 200:
        return fail(joined([told, Said("another site answers", "应答的是另一个网站")]))
    return fail(told)


#: A body as large as the API takes by default, less a little; the blank code in it is refused
#: before WeChat or the database is asked.
LARGE_BODY = json.dumps({"code": "", "padding": "x" * 65000}).encode("ascii")


@check(
    OUTSIDE,
    "too_large",
    "reset",
    fix=Said(
        "write `client_max_body_size 1m;` in Nginx's server block; the app has a limit of its own"
        " (MYAPI_MAX_BODY_BYTES)",
        "在 Nginx 的 server 块中写 `client_max_body_size 1m;`；"
        "应用自己有上限（MYAPI_MAX_BODY_BYTES）",
    ),
)
def body_limit(visit: Visit) -> Finding:
    """Whether a body of 64 KB reaches the app."""
    hello = visit.hello().answer
    if hello is None or not hello.is_ours:
        return skip(NOT_THE_API)
    reply = visit.call("POST", "/api/auth/login", LARGE_BODY)
    if reply.answer is None:
        reason = why(reply.error or OSError("?"))
        return fail(Said(f"a body of 64 KB: {reason.en}", f"64 KB 的请求体：{reason.zh}"))
    told = as_is(reply.answer.summary)
    if reply.answer.status == 413:
        return fail(told)
    if reply.answer.is_ours and reply.answer.status < 500:
        return ok(Said("64 KB reach the app", "64 KB 的请求体能到达应用"))
    return warn(told)


@check(
    OUTSIDE,
    "network",
    "not_found",
    fix=Said(
        "let Nginx compress (gzip on; gzip_types application/json;) or nobody, and only where the"
        " request allows it",
        "压缩只交给 Nginx（gzip on; gzip_types application/json;）或都不压缩，"
        "并且只在请求允许时压缩",
    ),
)
def compression(visit: Visit) -> Finding:
    """Whether what comes compressed can be unpacked."""
    answer = visit.hello().answer
    if answer is None:
        return skip(NO_ANSWER)
    coding = shown(answer.headers.get("content-encoding", "identity"), 20)
    if coding.lower() in ("identity", ""):
        return ok(
            Said("not compressed, which is right for so little", "没有压缩，内容很小，这样是对的")
        )
    if coding.lower() not in ("gzip", "deflate"):
        return fail(Said(f"gzip was allowed, {coding} came", f"只允许 gzip，返回的却是 {coding}"))
    try:
        answer.unpacked()
    except zlib.error:
        return fail(Said(f"it says {coding} and is not", f"标明是 {coding}，内容却不是"))
    return ok(as_is(coding))


@check(
    OUTSIDE,
    "clock",
    "certificate_date",
    fix=Said(
        "set the clock that is wrong by the network: `timedatectl set-ntp true`",
        "用网络时间校准不准的那个时钟：`timedatectl set-ntp true`",
    ),
)
def clock(visit: Visit) -> Finding:
    """Whether the server's clock agrees with this one."""
    answer = visit.hello().answer
    if answer is None:
        return skip(NO_ANSWER)
    try:
        told = email.utils.parsedate_to_datetime(answer.headers.get("date", ""))
        ahead = told.replace(tzinfo=told.tzinfo or timezone.utc).timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError):
        return skip(Said("cannot judge: no Date in the answer", "无法判断：应答中没有 Date"))
    said = Said(
        f"the server is {ahead:+.0f} s against this computer; either may be wrong",
        f"服务器与本机相差 {ahead:+.0f} 秒；也可能是本机不准",
    )
    if abs(ahead) > 60:
        return Finding("fail" if abs(ahead) > 300 else "warn", said)
    return ok(as_is(f"{ahead:+.0f} s"))


SLOW, VERY_SLOW = 1.0, 5.0  # s, of connection, TLS and first byte together


@check(
    OUTSIDE,
    "slow",
    "timeout",
    fix=Said(
        "slow to connect: the network, or a server far from its users; slow to the first byte: the"
        " app or its database (see the log's ms, and the load)",
        "连接慢：网络问题，或服务器离用户太远；首字节慢：应用或数据库（看日志中的 ms 和机器负载）",
    ),
)
def latency(visit: Visit) -> Finding:
    """How long a call takes from here."""
    look, answer = visit.best(), visit.hello().answer
    if look is None or answer is None:
        return skip(NO_ANSWER)
    total = look.connected + look.secured + answer.first_byte
    connect, secure, first = (
        f"{1000 * part:.0f} ms" for part in (look.connected, look.secured, answer.first_byte)
    )
    said = Said(
        f"connect {connect}, TLS {secure}, first byte {first}",
        f"连接 {connect}，TLS {secure}，首字节 {first}",
    )
    return Finding("fail" if total > VERY_SLOW else "warn" if total > SLOW else "ok", said)


@check(
    OUTSIDE,
    "unseen",
    fix=Said(
        'write `add_header Strict-Transport-Security "max-age=63072000" always;` in Nginx',
        '在 Nginx 中写 `add_header Strict-Transport-Security "max-age=63072000" always;`',
    ),
)
def hsts(visit: Visit) -> Finding:
    """Whether browsers are told to keep to HTTPS (RFC 6797)."""
    answer = visit.hello().answer
    if answer is None:
        return skip(NO_ANSWER)
    header = answer.headers.get("strict-transport-security")
    if header is None:
        return warn(Said("no Strict-Transport-Security", "没有 Strict-Transport-Security"))
    age = re.search(r'max-age\s*=\s*"?(\d{1,12})', header, re.IGNORECASE)
    if age is None or int(age[1]) < 180 * DAY:
        said = shown(header, 60)
        return warn(Said(f"shorter than half a year: {said}", f"不足半年：{said}"))
    return ok(as_is(shown(header, 60)))


@check(
    OUTSIDE,
    "unseen",
    fix=Said(
        "on port 80 let Nginx answer /api with 403 and redirect the rest to https; leave the port"
        " open, since certbot's renewal needs it",
        "80 端口上让 Nginx 对 /api 返回 403，其余跳转到 https；端口保持开放，certbot 续期要用",
    ),
)
def port_80(visit: Visit) -> Finding:
    """Whether plain HTTP gives the API away; tokens would travel in the open."""
    reply = visit.plain()
    if reply.answer is None:
        reason = why(reply.error or OSError("?"))
        closed = Said(
            f"port 80: {reason.en}; certbot cannot renew over it",
            f"80 端口：{reason.zh}；certbot 无法用它续期",
        )
        return warn(closed)
    answer, told = reply.answer, as_is(reply.answer.summary)
    if answer.status == 200 and answer.is_ours:
        return fail(joined([Said("the API answers in plain HTTP", "API 能以明文 HTTP 访问"), told]))
    if answer.status == 403 and answer.json().get("error") == "https_required":
        return ok(as_is("403 https_required"))
    target = answer.headers.get("location", "").lower()
    if 300 <= answer.status < 400 and target.startswith(f"https://{visit.url.host}/"):
        return ok(Said("it redirects to https", "跳转到 https"))
    return warn(told)


# ---- Server -------------------------------------------------------------------------------------


def run_program(*command: str) -> str:
    """Return what a program of the system prints. Raises OSError where it cannot, or will not."""
    try:
        done = subprocess.run(  # noqa: S603 (fixed words, no shell)
            command, capture_output=True, text=True, timeout=STEP, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} does not end") from None
    if done.returncode != 0:
        raise OSError(shown(done.stderr, 80) or f"{command[0]} ended with {done.returncode}")
    return done.stdout


@dataclass(frozen=True)
class Server:
    """What the checks on the server need to know of it; `flask doctor` takes it of the settings."""

    bind: str = ""  # where the app listens, as MYAPI_BIND has it
    debug: bool = False
    appid: str = ""
    secret: str = field(default="", repr=False)
    wechat: str = "https://api.weixin.qq.com"
    sandbox: bool = False  # it stands in for WeChat
    sqlite: bool = True  # it is the database
    hidden: tuple[str, ...] = field(default=(), repr=False)  # texts that may never be shown
    private: tuple[Path, ...] = ()  # files and folders that nobody else may read
    data: tuple[Path, ...] = (Path("/"),)  # where there must be room
    certificate: Path | None = None  # what the proxy is to serve
    letsencrypt: Path = Path("/etc/letsencrypt")
    nginx: Path = Path("/etc/nginx")
    run: Callable[..., str] = run_program

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.secret, *self.hidden)


def server_of(visit: Visit) -> Server:
    return visit.server or Server()


def ask_app(bind: str, path: str, until: float) -> Reply:
    """Ask the app where it listens, without a proxy between."""
    try:
        with _app_socket(bind, until) as sock:
            return Reply(ask(sock, request("GET", path, "localhost"), until))
    except (OSError, ValueError) as error:
        return Reply(error=error)


def _app_socket(bind: str, until: float) -> socket.socket:
    if bind.startswith("unix:"):
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise OSError("no Unix sockets on this system")
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_left(until))
            sock.connect(re.sub("^unix:(//)?", "", bind))
        except BaseException:
            sock.close()
            raise
        return sock
    host, _, number = bind.rpartition(":")
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(  # noqa: S104 (read, not bound)
        host.strip("[]"), host.strip("[]")
    )
    return socket.create_connection((host, int(number)), _left(until))


@check(
    SERVER,
    "gateway",
    "failing",
    fix=Said(
        "start the service, and read its log: `systemctl status`, `journalctl -u`; /readyz waits"
        " for the database and for `flask db upgrade`",
        "启动服务并查看日志：`systemctl status`、`journalctl -u`；/readyz 需要数据库可用并已执行"
        " `flask db upgrade`",
    ),
)
def app(visit: Visit) -> Finding:
    """Whether the app answers at its own socket, and is ready."""
    bind = server_of(visit).bind
    if not bind:
        return skip(Said("not known where the app listens", "不知道应用监听在哪里"))
    until = visit.step()
    replies = {path: ask_app(bind, path, until) for path in ("/healthz", "/readyz")}
    for path, reply in replies.items():
        if reply.answer is None:
            reason = why(reply.error or OSError("?"))
            return fail(Said(f"{bind}: {reason.en}", f"{bind}：{reason.zh}"))
        if reply.answer.status != 200:
            return fail(as_is(f"{bind}{path}: {reply.answer.summary}"))
    return ok(Said(f"{bind} is alive and ready", f"{bind} 存活并就绪"))


@check(
    SERVER,
    "certificate_date",
    "certificate",
    fix=Said(
        "Nginx still holds the old certificate, or another file: `nginx -t && systemctl reload"
        " nginx`, and let certbot do so after each renewal (--deploy-hook)",
        "Nginx 仍在使用旧证书，或用的是别的文件：执行 `nginx -t && systemctl reload nginx`，"
        "并让 certbot 每次续期后自动执行（--deploy-hook）",
    ),
)
def certificate_served(visit: Visit) -> Finding:
    """Whether the certificate that is served is the one on disk."""
    look = visit.best() if visit.public else None
    if look is None or look.leaf is None:
        return skip(NOT_REACHED)
    try:
        file = _certificate_file(server_of(visit), visit.url.host)
        found = None if file is None else _first_certificate(file)
    except (OSError, ValueError) as error:
        reason = shown(str(error), 100)
        return skip(Said(f"cannot judge: {reason}", f"无法判断：{reason}"))
    if found is None:
        return skip(Said("no certificate of this name on this disk", "本机磁盘上没有该域名的证书"))
    if found.fingerprint == look.leaf.fingerprint:
        return ok(Said(f"it is that of {file}", f"与 {file} 一致"))
    served, there = _day(look.leaf), _day(found)
    return fail(
        Said(
            f"served: until {served}; in {file}: until {there}, another one",
            f"正在使用的到 {served}；{file} 中的到 {there}，不是同一个",
        )
    )


def _certificate_file(server: Server, host: str) -> Path | None:
    """Find it where it was named, at certbot's place, or in Nginx's configuration."""
    if server.certificate is not None:
        return server.certificate
    of_certbot = server.letsencrypt / "live" / host / "fullchain.pem"
    if of_certbot.exists():
        return of_certbot
    for folder in ("sites-enabled", "conf.d"):
        for config in sorted((server.nginx / folder).glob("*")):
            text = config.read_text(errors="replace") if config.is_file() else ""
            named = re.search(rf"server_name\s[^;]*(?<![\w.-]){re.escape(host)}(?![\w.-])", text)
            given = re.search(r"^\s*ssl_certificate\s+\"?([^;\"]+)\"?;", text, re.MULTILINE)
            if named and given:
                return Path(given[1].strip())
    return None


def _first_certificate(file: Path) -> Certificate:
    text = file.read_text(encoding="ascii", errors="replace")
    found = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{file} holds no certificate")
    return read_certificate(ssl.PEM_cert_to_DER_cert(found[0]))


@check(
    SERVER,
    "certificate_date",
    fix=Said(
        "`certbot renew --dry-run` says what is wrong; `systemctl enable --now certbot.timer` lets"
        " it run by itself",
        "`certbot renew --dry-run` 会说明问题；`systemctl enable --now certbot.timer` 让它自动运行",
    ),
)
def renewal(visit: Visit) -> Finding:
    """Whether the certificate will be renewed by itself, and whether the last run went well."""
    server = server_of(visit)
    configured = server.letsencrypt / "renewal"
    try:
        names = sorted(file.stem for file in configured.glob("*.conf"))
    except OSError as error:
        return skip(why(error))
    if not names:
        return skip(
            Said(
                "no certbot here: who renews the certificate, and when, cannot be told",
                "本机没有 certbot：无法得知由谁、何时续期",
            )
        )
    if visit.public and not any(_covers(server, each, visit.url.host) for each in names):
        listed = shown(", ".join(names))
        return warn(
            Said(
                f"certbot renews {listed}, and not {visit.url.host}",
                f"certbot 续期的是 {listed}，不包括 {visit.url.host}",
            )
        )
    return _timer(server)


def _covers(server: Server, name: str, host: str) -> bool:
    if name == host:
        return True
    try:
        return _first_certificate(server.letsencrypt / "live" / name / "fullchain.pem").is_for(host)
    except PermissionError:  # root's alone: no reason to complain
        return True
    except (OSError, ValueError):
        return False


def _timer(server: Server) -> Finding:
    try:
        timers = server.run("systemctl", "list-timers", "--all", "--no-legend", "--no-pager")
        units = re.findall(r"(\S*(?:cert|renew|acme)\S*)\.timer", timers)
        if not units:
            return fail(Said("no timer runs certbot", "没有定时器运行 certbot"))
        unit = units[0]
        told = server.run("systemctl", "show", f"{unit}.service", "-p", "Result")
        state = server.run("systemctl", "show", f"{unit}.timer", "-p", "ActiveState")
    except OSError as error:
        reason = why(error)
        return skip(Said(f"systemctl: {reason.en}", f"systemctl：{reason.zh}"))
    if "ActiveState=active" not in state:
        return fail(Said(f"{unit}.timer is off", f"{unit}.timer 没有启用"))
    result = told.partition("Result=")[2].strip()
    if result not in ("success", ""):
        failed = shown(result, 40)
        return fail(
            Said(f"{unit} failed the last time: {failed}", f"{unit} 上次运行失败：{failed}")
        )
    return ok(
        Said(f"{unit}.timer is on, its last run went well", f"{unit}.timer 已启用，上次运行正常")
    )


@check(
    SERVER,
    "failing",
    fix=Said(
        "make room: old logs (`journalctl --vacuum-size=200M`), old backups, packages"
        " (`apt-get clean`); or enlarge the disk",
        "清理空间：旧日志（`journalctl --vacuum-size=200M`）、旧备份、软件包缓存"
        "（`apt-get clean`）；或扩容磁盘",
    ),
)
def disk(visit: Visit) -> Finding:
    """Whether there is room: on a full disk no login can be stored."""
    worst = ("ok", 101.0, NOTHING)
    for folder in server_of(visit).data:
        existing = next((f for f in (folder, *folder.parents) if f.exists()), folder)
        try:
            total, _, free = shutil.disk_usage(existing)
        except OSError as error:
            return skip(why(error))
        left = 100 * free / max(total, 1)
        megabytes = free / 2**20
        status = "fail" if megabytes < 100 else "warn" if megabytes < 1024 or left < 5 else "ok"
        said = Said(
            f"{existing}: {megabytes:.0f} MB free, {left:.0f} %",
            f"{existing}：剩余 {megabytes:.0f} MB，{left:.0f}%",
        )
        worst = max(
            worst, (status, left, said), key=lambda each: (STATUSES.index(each[0]), -each[1])
        )
    return Finding(worst[0], worst[2])


@check(
    SERVER,
    "clock",
    "certificate_date",
    fix=Said("`timedatectl set-ntp true`", "执行 `timedatectl set-ntp true`"),
)
def clock_synchronised(visit: Visit) -> Finding:
    """Whether this machine's clock is kept right by the network."""
    try:
        told = server_of(visit).run("timedatectl", "show", "-p", "NTPSynchronized")
    except OSError:
        told = ""
    if "NTPSynchronized=yes" in told:
        return ok(Said("synchronised", "已同步"))
    if "NTPSynchronized=no" in told:
        return warn(Said("not synchronised", "没有同步"))
    return skip(Said("cannot judge: no timedatectl here", "无法判断：本机没有 timedatectl"))


@check(
    SERVER,
    "failing",
    "unseen",
    fix=Said(
        "take FLASK_DEBUG out of the service's environment: it shows code and secrets to whoever"
        " meets an error",
        "从服务的环境变量中去掉 FLASK_DEBUG：它会把代码和机密展示给遇到错误的任何人",
    ),
)
def debug(visit: Visit) -> Finding:
    """Whether debug mode is on."""
    if not server_of(visit).debug:
        return ok(Said("off", "已关闭"))
    status = "fail" if visit.public else "warn"
    return Finding(status, Said("FLASK_DEBUG is on", "FLASK_DEBUG 处于开启状态"))


@check(
    SERVER,
    "unseen",
    fix=Said(
        "`chmod 600` for files, `chmod 700` for folders, and let the service's user own them",
        "文件用 `chmod 600`，目录用 `chmod 700`，所有者设为运行服务的用户",
    ),
)
def file_modes(visit: Visit) -> Finding:
    """Whether other users of this machine can read secrets or the database."""
    if os.name != "posix":
        return skip(Said("cannot judge file rights on Windows", "Windows 上无法判断文件权限"))
    found = [(path, _open_to(path)) for path in server_of(visit).private if path.exists()]
    if not found:
        return skip(Said("no files to look at", "没有可检查的文件"))
    bad = [(path, who) for path, who in found if who]
    listed = ", ".join(f"{path} {stat.S_IMODE(path.stat().st_mode):04o}" for path, _ in bad)
    if not bad:
        return ok(
            Said(
                f"{len(found)} files and folders are private",
                f"{len(found)} 个文件和目录都是私有的",
            )
        )
    if any(who == "others" for _, who in bad):
        return fail(Said(f"anyone may read {listed}", f"任何用户都能读取 {listed}"))
    return warn(Said(f"the group may read {listed}", f"同组用户能读取 {listed}"))


def _open_to(path: Path) -> str:
    """Tell who else can read it: what a folder above keeps from them, they cannot."""
    path = path.resolve()
    mode = stat.S_IMODE(path.stat().st_mode)
    above = [stat.S_IMODE(folder.stat().st_mode) for folder in path.parents]
    if mode & 0o007 and all(folder & 0o001 for folder in above):
        return "others"
    return "group" if mode & 0o070 and all(folder & 0o010 for folder in above) else ""


#: The first versions in which SQLite mended a bug of its write-ahead log, by their branch.
#: It came with 3.7.0 and can, very rarely, damage a file under many writers.
SQLITE_MENDED = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7), (3, 51): (3, 51, 3)}


@check(
    SERVER,
    "unseen",
    fix=Said(
        "back up daily (`flask backup`); update the system's SQLite when its packages offer 3.51.3"
        " or newer, or move to MySQL",
        "每天备份（`flask backup`）；系统软件包提供 3.51.3 或更新的 SQLite 时升级，或改用 MySQL",
    ),
)
def sqlite(visit: Visit) -> Finding:
    """Whether this SQLite has the bug of the write-ahead log."""
    if not server_of(visit).sqlite:
        return skip(Said("not in use", "没有使用"))
    version = sqlite3.sqlite_version_info
    text = ".".join(map(str, version))
    if has_wal_bug(version):
        return warn(
            Said(
                f"SQLite {text} has a bug that can, very rarely, damage a database in WAL mode",
                f"SQLite {text} 有一个缺陷，在 WAL 模式下极少数情况会损坏数据库",
            )
        )
    return ok(as_is(f"SQLite {text}"))


def has_wal_bug(version: Sequence[int]) -> bool:
    mended = SQLITE_MENDED.get((version[0], version[1]), (3, 51, 3))
    return (3, 7, 0) <= tuple(version) < mended


SANDBOX = Said("no AppID is set: the sandbox is in use", "没有设置 AppID：正在使用沙箱")


class WeChat(NamedTuple):
    """WeChat's answer, or why there was none; a bad certificate sends no secret."""

    reply: Reply
    host: str


def _post_to_wechat(visit: Visit, path: str, content: Mapping[str, object]) -> WeChat:
    server = server_of(visit)
    to = read_url(server.wechat)
    body = json.dumps(content).encode("ascii")
    until = visit.step()
    reply = Reply(error=OSError("no address"))
    try:
        addresses = visit.network.addresses(to.host, to.port)[:ADDRESSES]
    except (OSError, UnicodeError) as error:
        return WeChat(Reply(error=error), to.host)
    for place, address in enumerate(addresses):
        share = time.monotonic() + _share(until, len(addresses) - place)
        reply = _post(visit, to, address, request("POST", path, to.authority, body), share)
        if reply.answer is not None:
            break
    return WeChat(reply, to.host)


def _share(until: float, places: int) -> float:
    return max(0.1, until - time.monotonic()) / places


def _post(visit: Visit, to: Url, address: Address, text: bytes, until: float) -> Reply:
    try:
        sock = visit.network.connect(address, until)
        if to.scheme == "http":  # the settings allow it to loopback alone
            with sock:
                return Reply(ask(sock, text, until))
        context = Trust().context(checks_name=True)
        with visit.secure(sock, context, until, to.host) as secured:
            return Reply(ask(secured, text, until))
    except (OSError, ValueError) as error:
        return Reply(error=error)


@once
def _stable_token(visit: Visit) -> WeChat:
    """Ask for the token that is there anyway: never forced, so nobody's token ends by it."""
    server = server_of(visit)
    content = {
        "grant_type": "client_credential",
        "appid": server.appid,
        "secret": server.secret,
        "force_refresh": False,
    }
    return _post_to_wechat(visit, "/cgi-bin/stable_token", content if server.appid else {})


@check(
    SERVER,
    "login_slow",
    "failing",
    fix=Said(
        "see the server's DNS (/etc/resolv.conf) and that it may go out to port 443;"
        " `curl -v https://api.weixin.qq.com` shows where it ends",
        "检查服务器的 DNS（/etc/resolv.conf）以及能否访问外网 443 端口；"
        "`curl -v https://api.weixin.qq.com` 可以看出卡在哪一步",
    ),
)
def wechat(visit: Visit) -> Finding:
    """Whether WeChat can be reached from this server: name, TLS and an answer."""
    if server_of(visit).sandbox:
        return skip(SANDBOX)
    (answer, error), host = _stable_token(visit)
    if answer is None:
        if isinstance(error, ssl.SSLCertVerificationError):
            message = shown(error.verify_message, 80)
            return fail(
                Said(
                    f"{host}: certificate refused: {message}", f"{host}：证书未通过验证：{message}"
                )
            )
        reason = why(error or OSError("?"))
        return fail(Said(f"{host}: {reason.en}", f"{host}：{reason.zh}"))
    if answer.status != 200 or not answer.json():
        return fail(as_is(f"{host}: HTTP {answer.status}"))
    took = f"{1000 * answer.first_byte:.0f} ms"
    return ok(Said(f"{host} answers in {took}", f"{host} 在 {took} 内应答"))


ACCOUNT_PROBLEMS = {
    40013: Said("40013: the AppID is wrong", "40013：AppID 不正确"),
    40125: Said("40125: the AppSecret is wrong", "40125：AppSecret 不正确"),
    40243: Said("40243: the AppSecret is frozen", "40243：AppSecret 已被冻结"),
    41002: Said("41002: the AppID is missing", "41002：缺少 AppID"),
    41004: Said("41004: the AppSecret is missing", "41004：缺少 AppSecret"),
}


@check(
    SERVER,
    "login",
    fix=Said(
        "copy both again from the console (开发管理 → 开发设置): MYAPI_WECHAT_APPID and"
        " MYAPI_WECHAT_SECRET; a frozen secret is unfrozen or reset there",
        "到小程序后台“开发管理 → 开发设置”重新复制 AppID 和 AppSecret，写入 MYAPI_WECHAT_APPID 和"
        " MYAPI_WECHAT_SECRET；被冻结的要在那里解冻或重置",
    ),
)
def account(visit: Visit) -> Finding:
    """Whether WeChat takes the AppID and the secret."""
    answered = _account_answer(visit)
    if isinstance(answered, Finding):
        return answered
    code = answered.get("errcode", 0)
    if isinstance(code, int) and code in ACCOUNT_PROBLEMS:
        return fail(ACCOUNT_PROBLEMS[code])
    if isinstance(answered.get("access_token"), str) or code == 40164:
        return ok(Said("AppID and secret are accepted", "AppID 和 AppSecret 有效"))
    return skip(_errcode(answered))


@check(
    SERVER,
    "allow_list",
    fix=Said(
        "add this address to the IP allow list in the console (开发管理 → 开发设置 → IP 白名单);"
        " wx.login works without it, calls with an access_token do not",
        "到小程序后台“开发管理 → 开发设置 → IP 白名单”加入这个地址；wx.login 不受影响，"
        "但使用 access_token 的接口会失败",
    ),
)
def allow_list(visit: Visit) -> Finding:
    """Whether this server's address is on WeChat's allow list."""
    answered = _account_answer(visit)
    if isinstance(answered, Finding):
        return answered
    if isinstance(answered.get("access_token"), str):
        return ok(Said("WeChat takes calls from this address", "微信接受来自本机地址的调用"))
    if answered.get("errcode") != 40164:
        return skip(_errcode(answered))
    named = re.search(r"invalid ip ([0-9A-Fa-f.:]{2,45})", str(answered.get("errmsg", "")))
    ip = named[1] if named else "?"
    return warn(Said(f"40164: {ip} is not on the list", f"40164：{ip} 不在白名单中"))


def _account_answer(visit: Visit) -> Finding | dict[str, Any]:
    server = server_of(visit)
    if server.sandbox:
        return skip(SANDBOX)
    if not server.appid:
        return skip(Said("the AppID is not known here", "这里不知道 AppID"))
    answer = _stable_token(visit).reply.answer
    found = answer.json() if answer else {}
    return found or skip(Said("WeChat gave no answer", "微信没有应答"))


def _errcode(answered: Mapping[str, Any]) -> Said:
    code = answered.get("errcode")
    number = code if isinstance(code, int) else "?"
    message = shown(str(answered.get("errmsg", "")), 80)
    return Said(f"WeChat answers {number}: {message}", f"微信返回 {number}：{message}")


# ---- Command ------------------------------------------------------------------------------------


def read_resolve(text: str) -> tuple[tuple[str, int], Address]:
    """Read HOST:PORT:ADDRESS[:PORT], as curl has it; an IPv6 address stands in brackets."""
    found = re.fullmatch(r"([^:\[\]]+):(\d{1,5}):(\[[0-9A-Fa-f:.]+\]|[0-9.]+)(?::(\d{1,5}))?", text)
    if found is None:
        raise ValueError("must be HOST:PORT:ADDRESS, or HOST:PORT:ADDRESS:PORT")
    host, number, ip, other = found.groups()
    address = Address(str(ipaddress.ip_address(ip.strip("[]"))), int(other or number))
    return (host.lower(), int(number)), address


def network_of(resolve: Iterable[str]) -> Network:
    """Build a network from --resolve options. Raises ValueError."""
    given: dict[tuple[str, int], list[Address]] = {}
    for text in resolve:
        key, address = read_resolve(text)
        given.setdefault(key, []).append(address)
    return Network(given)


def chosen(checks: Sequence[Check], only: Iterable[str]) -> list[Check]:
    """Pick checks by their ids; commas may stand between. Raises ValueError for an unknown id."""
    ids = {part.strip() for text in only for part in text.split(",") if part.strip()}
    unknown = ids - {one.id for one in checks}
    if unknown:
        raise ValueError(f"no such check: {', '.join(sorted(unknown))}")
    return [one for one in checks if not ids or one.id in ids]


HEADINGS = {
    "symptom": Said("phone", "现象"),
    "evidence": Said("seen", "证据"),
    "fix": Said("fix", "处理"),
}
STATUS_WORDS = {
    "ok": Said("ok", "正常"),
    "warn": Said("warn", "警告"),
    "fail": Said("FAIL", "失败"),
    "skip": Said("skip", "未判断"),
}


def written(results: Sequence[Result], language: str, *, as_json: bool = False) -> str:
    """Write the report: JSON in ASCII, or lines for a person."""
    if as_json:
        return json.dumps({"checks": [each.spoken(language) for each in results]}, indent=2)
    return "\n".join([*map(functools.partial(_lines, language), results), _sum(results, language)])


def _lines(language: str, result: Result) -> str:
    word = STATUS_WORDS[result.status].of(language)
    spoken = result.spoken(language)
    if result.status in ("ok", "skip") and not spoken["fix"]:
        return f"{word:<6}{result.id}: {spoken['evidence']}"
    details = [
        f"      {HEADINGS[part].of(language)}: {spoken[part]}" for part in HEADINGS if spoken[part]
    ]
    return "\n".join([f"{word:<6}{result.id}", *details])


def _sum(results: Sequence[Result], language: str) -> str:
    count = {status: sum(each.status == status for each in results) for status in STATUSES}
    return Said(
        f"{count['fail']} failed, {count['warn']} warnings, {count['ok']} well,"
        f" {count['skip']} not judged",
        f"失败 {count['fail']} 项，警告 {count['warn']} 项，正常 {count['ok']} 项，"
        f"未判断 {count['skip']} 项",
    ).of(language)


def written_causes(results: Sequence[Result], language: str, *, as_json: bool = False) -> str:
    """Write what --explain found."""
    if as_json:
        return written(results, language, as_json=True)
    if not results:
        return Said(
            "no check explains this; give the errno or the message as the phone shows it",
            "没有检查项能解释它；请给出手机上显示的 errno 或错误信息",
        ).of(language)
    return "\n".join(_lines(language, each) for each in results)


def changes(results: Sequence[Result], file: Path) -> list[Result]:
    """Return what has another status than in the last run, and keep this one in `file`.

    What could not be judged this time is no news: the former status stays. Raises OSError.
    """
    try:
        former = json.loads(file.read_text(encoding="utf-8"))["statuses"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        former = {}
    known = dict(former) if isinstance(former, dict) else {}
    news = [
        each
        for each in results
        if each.status != "skip" and each.status != known.get(each.id, "ok")
    ]
    present = {each.id: each.status for each in results if each.status != "skip"}
    _replace(file, json.dumps({"statuses": {**known, **present}}, indent=2) + "\n")
    return news


def _replace(file: Path, text: str) -> None:
    """Put a whole new file in the place of the old one."""
    handle, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="doctor.py",
        description="Tell why a mini program cannot use this API. 说明小程序为什么访问不了本 API。",
        epilog="Exit status: 0 well, 1 warnings, 2 failures.",
    )
    parser.add_argument("url", nargs="?", metavar="URL", help="such as https://api.example.com")
    parser.add_argument("--from-outside", action="store_true", help="not on the server itself")
    parser.add_argument("--json", action="store_true", help="print {checks: […]}")
    parser.add_argument("--lang", choices=("en", "zh"), default=language_of_the_system())
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="these checks")
    parser.add_argument("--ca", metavar="FILE", help="the roots to trust, of a private authority")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="the certificate to be served")
    parser.add_argument("--explain", metavar="TEXT", help="find the checks behind a symptom")
    parser.add_argument(
        "--changes", type=Path, metavar="FILE", help="print what changed since the run kept there"
    )
    parser.add_argument("--resolve", action="append", default=[], help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run as a program: the checks of this file alone."""
    parser = arguments()
    given = parser.parse_args(argv)
    if given.explain is not None:
        causes = explain(given.explain, OUTSIDE + SERVER)
        say(written_causes(causes, given.lang, as_json=given.json))
        return 0
    if given.url is None:
        parser.error("a URL is needed, such as https://api.example.com")
    try:
        checks = chosen(OUTSIDE if given.from_outside else OUTSIDE + SERVER, given.only)
        visit = Visit(
            read_url(given.url),
            network=network_of(given.resolve),
            trust=Trust(given.ca),
            server=None if given.from_outside else Server(certificate=given.cert),
        )
        results = examine(visit, checks)
        told = changes(results, given.changes) if given.changes else results
    except (OSError, ValueError) as error:
        parser.error(shown(str(error)))
    if told or not given.changes or given.json:
        say(written(told, given.lang, as_json=given.json))
    return exit_status(results)


def say(text: str) -> None:
    """Print, with `?` for what the terminal's encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
