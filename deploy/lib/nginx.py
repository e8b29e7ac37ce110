"""The Nginx file: rendered from the templates for the Nginx that is installed.

A template is Nginx's own language with two additions: `@NAME@` is a value (a line with one of
several values stands once for each), and a line that ends in `#? feature` or `#? !feature`
stands only where this Nginx has the feature, or has it not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TEMPLATES = Path(__file__).resolve().parent.parent / "nginx"

# What became possible with which version. Ubuntu 22.04 has 1.18, Debian 12 1.22,
# Ubuntu 24.04 1.24, Debian 13 1.26.
FEATURES = {
    "ssl_reject_handshake": (1, 19, 4),
    "keepalive_time": (1, 19, 10),
    "http2_on": (1, 25, 1),
}

# What Nginx says by itself, word for word as the API says it; 403 is Nginx's alone.
MESSAGES = {
    400: ("The request is not as described.", "请求格式不正确。"),
    403: (
        "Call this API over https: plain http is not answered.",
        "请使用 https 调用本接口，不支持 http。",
    ),
    404: ("There is nothing here.", "资源不存在。"),
    405: ("This path has no such method.", "不支持该请求方法。"),
    413: ("The body is too large.", "请求体过大。"),
    429: ("Too many requests: wait a little.", "请求过于频繁，请稍后再试。"),
    500: ("Something went wrong here.", "服务器内部错误。"),
    503: ("The service is busy or away: try again.", "服务暂不可用，请稍后再试。"),
}

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Site:
    """What an Nginx file is made for. `http` and `https` are addresses to listen on."""

    domain: str
    version: tuple[int, ...]
    certificate: str = ""  # "" while there is none: port 80 alone
    key: str = ""
    socket: str = "/run/myapi/http.sock"
    webroot: str = "/var/lib/myapi-acme"
    nobody: str = "/etc/myapi/tls/nobody.pem"  # a certificate for no name, for Nginx 1.18
    access_log: str = "/var/log/nginx/myapi.log"
    error_log: str = "/var/log/nginx/myapi-error.log"
    http: tuple[str, ...] = ("80", "[::]:80")
    https: tuple[str, ...] = ("443", "[::]:443")
    default_http: bool = True  # be the one who answers nobody; not where another site listens
    default_https: bool = True
    http2: bool = True  # before 1.25.1 it is the port's: not where another site goes without
    behind: tuple[str, ...] = ()
    rate: int = 100  # requests a second of one address, and how many more at once
    burst: int = 400
    login_rate: int = 20
    login_burst: int = 100


def render(site: Site) -> str:
    """Write the whole file."""
    parts = ["base", "http"]
    if site.certificate:
        parts.append("https")
    if site.default_http:
        parts.append("default-http")
    if site.default_https and site.certificate:
        parts.append("default-https")
    return "".join(_fill((TEMPLATES / f"{part}.conf").read_text("utf-8"), site) for part in parts)


def features(site: Site) -> set[str]:
    found = {name for name, since in FEATURES.items() if site.version >= since}
    if site.http2 and "http2_on" not in found:
        found.add("http2_listen")
    return found | ({"behind"} if site.behind else set())


def version(printed: str) -> tuple[int, ...]:
    """Read what `nginx -v` prints, such as `nginx version: nginx/1.22.1`."""
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", printed)
    if not found:
        raise ValueError(f"no version of Nginx in {printed!r}")
    return tuple(int(part) for part in found.groups())


def _fill(template: str, site: Site) -> str:
    values, has = _values(site), features(site)
    lines: list[str] = []
    for line in template.splitlines():
        text, mark, feature = line.partition("#?")
        if mark and (feature.strip().lstrip("!") in has) == feature.strip().startswith("!"):
            continue
        lines.extend(_repeated(text.rstrip(), values))
    return "\n".join(lines) + "\n"


def _repeated(line: str, values: Values) -> list[str]:
    """Put the values in; a line that names one of several becomes as many lines."""
    lines = [line]
    for name in re.findall(r"@([A-Z0-9_]+)@", line):
        if name in values:  # "@PORT@" and the like of a test's own come later
            lines = [one.replace(f"@{name}@", v) for one in lines for v in values[name]]
    return lines


def _values(site: Site) -> Values:
    plain = {
        name.upper(): value if isinstance(value, tuple) else (str(value),)
        for name, value in vars(site).items()
        if name != "version"
    }
    said = {f"MSG_{status}": (msg,) for status, (msg, _) in MESSAGES.items()}
    zh = {f"ZH_{status}": (msg,) for status, (_, msg) in MESSAGES.items()}
    return {**plain, **said, **zh}


# ---- the other sites on the same Nginx ----


class Listen(NamedTuple):
    """One `listen` of another site."""

    file: str
    port: int


def others(dump: str, own: str) -> list[tuple[str, str]]:
    """Split what `nginx -T` prints into (file, text) of every file but `own`."""
    pieces = re.split(r"^# configuration file (.+):$", dump, flags=re.MULTILINE)
    pairs = zip(pieces[1::2], pieces[2::2], strict=False)
    return [(file, _without_comments(text)) for file, text in pairs if file != own]


def listens(dump: str, own: str) -> list[Listen]:
    """Tell where other sites listen: there the default is theirs, said or unsaid."""
    found: list[Listen] = []
    for file, text in others(dump, own):
        said = re.findall(r"\blisten\s+([^\s;]+)", text)
        found += [Listen(file, _port(a)) for a in said if not a.startswith("unix:")]
        if not said and re.search(r"\bserver\s*\{", text):
            found.append(Listen(file, 80))  # a server that says nothing listens on 80
    return found


def speaks_http2(dump: str, own: str) -> bool:
    """Tell whether another site asks for HTTP/2 where it listens."""
    said = [text for _, text in others(dump, own)]
    return any(re.search(r"\blisten\s[^;]*\bhttp2\b", text) for text in said)


def named(dump: str, own: str, domain: str) -> list[str]:
    """Return the files of other sites that have this name already."""
    return [
        file
        for file, text in others(dump, own)
        for names in re.findall(r"\bserver_name\s+([^;]+)", text)
        if domain in names.split()
    ]


def _without_comments(text: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", text, flags=re.MULTILINE)


def _port(address: str) -> int:
    last = address.rpartition(":")[2]
    return int(last) if last.isdigit() else 80
