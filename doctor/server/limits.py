"""Whether Nginx and the service have the same limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text, join

# Nginx's units and defaults: https://nginx.org/en/docs/syntax.html
SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
TIMES = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600}
DEFAULT_BODY, DEFAULT_TIME = "1m", "60s"


@check(
    "too_large",
    "gateway",
    fault=Text("Nginx and the service have different limits", "Nginx 与服务的上限不一致"),
    stops="nothing",
    needs=(needs.url, needs.https),
    fix=Text(
        "run `sudo deploy/myapi up` again with its options: it gives MYAPI_MAX_BODY_BYTES and"
        " MYAPI_REQUEST_TIMEOUT to Nginx and to the service; in an Nginx of your own correct"
        " client_max_body_size and proxy_read_timeout",
        "用原来的选项再次运行 `sudo deploy/myapi up`：它会把 MYAPI_MAX_BODY_BYTES 和"
        " MYAPI_REQUEST_TIMEOUT 同时写给 Nginx 和服务；自己配置的 Nginx 请修改"
        " client_max_body_size 和 proxy_read_timeout",
    ),
)
def limits(target: Target) -> Finding:
    """Whether Nginx takes the bodies that the service takes, and waits for as long."""
    server = target.this_server
    if not server.max_body_bytes:
        return skip(needs.FLASK_DOCTOR)
    try:
        block = _server_block(server.nginx, target.url.host)
    except OSError as error:
        return skip(describe_error(error))
    if not block:
        return skip(Text("no Nginx here has this name", "本机的 Nginx 中没有该域名"))
    sizes = list(_values(block, "client_max_body_size", SIZES, DEFAULT_BODY))
    times = list(_values(block, "proxy_read_timeout", TIMES, DEFAULT_TIME))
    smallest = min(size or float("inf") for size in sizes)  # 0: any size
    shown = "0" if smallest == float("inf") else f"{smallest:.0f}"
    body = Text(
        f"client_max_body_size {shown}, MYAPI_MAX_BODY_BYTES {server.max_body_bytes}",
        f"client_max_body_size 为 {shown}，MYAPI_MAX_BODY_BYTES 为 {server.max_body_bytes}",
    )
    time = Text(
        f"proxy_read_timeout {min(times):g} s, MYAPI_REQUEST_TIMEOUT {server.request_timeout} s",
        f"proxy_read_timeout 为 {min(times):g} 秒，"
        f"MYAPI_REQUEST_TIMEOUT 为 {server.request_timeout} 秒",
    )
    less = [
        *([body] if smallest < server.max_body_bytes else []),
        *([time] if min(times) <= server.request_timeout else []),
    ]
    if less:
        return fail(join(less))
    return warn(body) if smallest > server.max_body_bytes else ok(join([body, time]))


def _server_block(folder: Path, host: str) -> str:
    """Return Nginx's `server` block for HTTPS of this name; empty if there is none."""
    server_name = re.compile(rf"server_name\s[^;]*(?<![\w.-]){re.escape(host)}(?![\w.-])")
    for name in ("sites-enabled", "conf.d"):
        for config in sorted((folder / name).glob("*")):
            text = config.read_text("utf-8", errors="replace") if config.is_file() else ""
            for block in _blocks(re.sub(r"(^|\s)#.*", "", text)):
                if server_name.search(block) and re.search(r"\blisten\s[^;]*\bssl\b", block):
                    return block
    return ""


def _blocks(text: str) -> Iterator[str]:
    """Yield the `server { … }` blocks; braces in quotes count only in pairs."""
    for start in re.finditer(r"\bserver\s*\{", text):
        depth = 0
        for brace in re.finditer(r"[{}]", text[start.start() :]):
            depth += 1 if brace[0] == "{" else -1
            if depth == 0:
                yield text[start.start() : start.start() + brace.end()]
                break


def _values(
    block: str, directive: str, units: Mapping[str, float], default: str
) -> Iterator[float]:
    written = re.findall(rf"\b{directive}\s+(\d+)([a-zA-Z]*)\s*;", block)
    for number, unit in written or [(default[:-1], default[-1])]:
        yield int(number) * units.get(unit.lower(), 1)
