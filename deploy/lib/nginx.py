"""Render the Nginx file from templates, for the installed version of Nginx.

A template is an Nginx configuration with two additions. `@NAME@` is replaced by a value; if there
are several values, the line is repeated for each. A line that ends in `#? feature` is kept only
if this Nginx has the feature, and one that ends in `#? !feature` only if it has not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TEMPLATES = Path(__file__).resolve().parent.parent / "nginx"

# The version that introduced each feature. Ubuntu 22.04 has Nginx 1.18, Debian 12 has 1.22,
# Ubuntu 24.04 has 1.24, Debian 13 has 1.26.
FEATURES = {
    "ssl_reject_handshake": (1, 19, 4),
    "keepalive_time": (1, 19, 10),
    "http2_on": (1, 25, 1),
}

# The messages of Nginx's own errors, (English, Chinese). They equal the API's messages; the one
# for 403 is used by Nginx only.
MESSAGES = {
    400: ("The request is not as described.", "请求格式不正确。"),
    403: (
        "Call this API over https: plain http is not answered.",
        "请使用 https 调用本接口，不支持 http。",
    ),
    404: ("Not found.", "资源不存在。"),
    405: ("This path does not allow this method.", "不支持该请求方法。"),
    413: ("The body is too large.", "请求体过大。"),
    429: ("Too many requests: wait a little.", "请求过于频繁，请稍后再试。"),
    500: ("Internal server error.", "服务器内部错误。"),
    503: ("The service is unavailable: try again.", "服务暂不可用，请稍后再试。"),
}

PUSH_BODY = 128 * 2**10  # bytes
MIN_BUFFER, MAX_BUFFER = 16 * 2**10, 2**20  # bytes
UPLOAD = 2 * 2**20 + 2**14  # bytes of a picture and of the form around it, as in the service
QUEUE = 20  # s; during a restart, requests wait in the socket's queue
ROLLED_BACK = 5  # s for the service to end a view that has taken too long, and to say so

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Site:
    """The values of an Nginx file. `http` and `https` are the addresses to listen on."""

    domain: str
    version: tuple[int, ...]
    certificate: str = ""  # "" until there is one: port 80 only
    key: str = ""
    socket: str = "/run/myapi/http.sock"
    webroot: str = "/var/lib/myapi-acme"
    placeholder_certificate: str = "/etc/myapi/tls/nobody.pem"  # for other names, on Nginx 1.18
    access_log: str = "/var/log/nginx/myapi.log"
    error_log: str = "/var/log/nginx/myapi-error.log"
    http: tuple[str, ...] = ("80", "[::]:80")
    https: tuple[str, ...] = ("443", "[::]:443")
    # Whether to add a default server that closes connections for other names. False if another
    # site listens on the port.
    default_http: bool = True
    default_https: bool = True
    # Before 1.25.1, HTTP/2 is a setting of the port: False if another site there does without it.
    http2: bool = True
    trusted_proxies: tuple[str, ...] = ()  # load balancers whose X-Forwarded-For is trusted
    max_body_bytes: int = 65536  # MYAPI_MAX_BODY_BYTES
    request_timeout: int = 20  # s; MYAPI_REQUEST_TIMEOUT
    rate: int = 100  # requests per second per client address
    burst: int = 400  # requests above the rate that are let through at once
    login_rate: int = 20
    login_burst: int = 100
    push_rate: int = 200
    push_burst: int = 1000
    console_rate: int = 10
    console_burst: int = 100

    @property
    def push_body_bytes(self) -> int:
        """What a push of WeChat may have; never less than other bodies."""
        return max(self.max_body_bytes, PUSH_BODY)

    @property
    def body_buffer(self) -> int:
        """Bytes of a body that are held in memory; only a larger one is written to disk."""
        return max(MIN_BUFFER, min(self.max_body_bytes, MAX_BUFFER))

    @property
    def max_upload_bytes(self) -> int:
        """Bytes of a body with a picture."""
        return max(UPLOAD, self.max_body_bytes)

    @property
    def read_timeout(self) -> int:
        """Seconds to wait for the service. Its own error comes first, and a release has time."""
        return max(self.request_timeout, QUEUE) + ROLLED_BACK


def render(site: Site, templates: Path = TEMPLATES) -> str:
    """Return the text of the whole file, from the templates in a folder."""
    parts = ["base", "http"]
    if site.certificate:
        parts.append("https")
    if site.default_http:
        parts.append("default-http")
    if site.default_https and site.certificate:
        parts.append("default-https")
    texts = ((templates / f"{part}.conf").read_text("utf-8") for part in parts)
    return "".join(_fill_template(text, site) for text in texts)


def render_challenges(site: Site, templates: Path = TEMPLATES) -> str:
    """Return port 80 alone, for the ACME challenges of one more domain."""
    return _fill_template((templates / "http.conf").read_text("utf-8"), site)


def features(site: Site) -> set[str]:
    found = {name for name, since in FEATURES.items() if site.version >= since}
    if site.http2 and "http2_on" not in found:
        found.add("http2_listen")
    return found | ({"trusted_proxies"} if site.trusted_proxies else set())


def version(printed: str) -> tuple[int, ...]:
    """Parse the output of `nginx -v`, such as `nginx version: nginx/1.22.1`."""
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", printed)
    if not found:
        raise ValueError(f"no Nginx version in {printed!r}")
    return tuple(int(part) for part in found.groups())


def _fill_template(template: str, site: Site) -> str:
    values, available = _template_values(site), features(site)
    lines: list[str] = []
    for line in template.splitlines():
        text, mark, feature = line.partition("#?")
        if mark and (feature.strip().lstrip("!") in available) == feature.strip().startswith("!"):
            continue
        lines.extend(_expand(text.rstrip(), values))
    return "\n".join(lines) + "\n"


def _expand(line: str, values: Values) -> list[str]:
    """Replace the placeholders in a line; several values give several lines."""
    lines = [line]
    for name in re.findall(r"@([A-Z0-9_]+)@", line):
        if name in values:  # tests have placeholders of their own, such as "@PORT@"
            lines = [one.replace(f"@{name}@", v) for one in lines for v in values[name]]
    return lines


def _template_values(site: Site) -> Values:
    fields = {
        name.upper(): value if isinstance(value, tuple) else (str(value),)
        for name, value in vars(site).items()
        if name != "version"
    }
    for name in ("body_buffer", "max_upload_bytes", "push_body_bytes", "read_timeout"):
        fields[name.upper()] = (str(getattr(site, name)),)
    english = {f"MSG_{status}": (msg,) for status, (msg, _) in MESSAGES.items()}
    chinese = {f"ZH_{status}": (msg,) for status, (_, msg) in MESSAGES.items()}
    return {**fields, **english, **chinese}


# ---- other sites on the same Nginx ----


class Listen(NamedTuple):
    """A `listen` directive of another site."""

    file: str
    port: int


def other_files(dump: str, own_file: str) -> list[tuple[str, str]]:
    """Split the output of `nginx -T` into (file, text) pairs, leaving out our own file."""
    pieces = re.split(r"^# configuration file (.+):$", dump, flags=re.MULTILINE)
    pairs = zip(pieces[1::2], pieces[2::2], strict=False)
    return [(file, _without_comments(text)) for file, text in pairs if file != own_file]


def other_listens(dump: str, own_file: str) -> list[Listen]:
    """Return where other sites listen. On these ports, one of them is the default server."""
    found: list[Listen] = []
    for file, text in other_files(dump, own_file):
        addresses = re.findall(r"\blisten\s+([^\s;]+)", text)
        found += [Listen(file, _port(a)) for a in addresses if not a.startswith("unix:")]
        if not addresses and re.search(r"\bserver\s*\{", text):
            found.append(Listen(file, 80))  # Nginx's default
    return found


def others_use_http2(dump: str, own_file: str) -> bool:
    """Return whether another site enables HTTP/2 in a `listen` directive."""
    texts = [text for _, text in other_files(dump, own_file)]
    return any(re.search(r"\blisten\s[^;]*\bhttp2\b", text) for text in texts)


def files_with_name(dump: str, own_file: str, domain: str) -> list[str]:
    """Return the files of other sites that have this `server_name`."""
    return [
        file
        for file, text in other_files(dump, own_file)
        for names in re.findall(r"\bserver_name\s+([^;]+)", text)
        if domain in names.split()
    ]


def _without_comments(text: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", text, flags=re.MULTILINE)


def _port(address: str) -> int:
    last = address.rpartition(":")[2]
    return int(last) if last.isdigit() else 80
