"""The start message, with lines to paste into a shell of this system."""

import shlex

from myapi.development.address import WINDOWS, Address, parse
from myapi.language import localized
from myapi.settings import Settings


def at_the_start(settings: Settings, *, windows: bool = WINDOWS) -> str:
    """Say where the service answers, where /docs is, and how to log in if the sandbox is on."""
    address = parse(settings.bind)
    where = address if address.path else address.url
    lines = [localized(f"myapi on {where} (Ctrl-C ends it)", f"myapi：{where}（按 Ctrl-C 结束）")]
    if not address.path:  # which no browser opens
        lines.append(
            localized("  read and try the API: ", "  阅读和试用 API：") + f"{address.url}/docs"
        )
    if settings.sandbox:
        line = log_in(address, windows=windows)
        lines.append(localized("  log in as alice: ", "  以 alice 的身份登录：") + line)
    return "\n".join(lines)


def log_in(address: Address, *, windows: bool = WINDOWS) -> str:
    url, body = f"{address.url}/api/auth/login", '{"code":"alice"}'
    if windows:
        return f"Invoke-RestMethod {url} -Method Post -ContentType application/json -Body '{body}'"
    return f"{_curl(address)} {url} -H 'Content-Type: application/json' -d '{body}'"


def show_me(address: Address, token: str, *, windows: bool = WINDOWS) -> str:
    """Return the line that asks who the user of a token is."""
    url = f"{address.url}/api/me"
    if windows:
        return f'Invoke-RestMethod {url} -Headers @{{ Authorization = "Bearer {token}" }}'
    return f"{_curl(address)} {url} -H 'Authorization: Bearer {token}'"


def _curl(address: Address) -> str:
    return f"curl --unix-socket {shlex.quote(address.path)}" if address.path else "curl"
