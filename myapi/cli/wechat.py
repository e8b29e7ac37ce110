"""`flask wechat …`: the access_token, single calls, and the sandbox as a server of its own.

`wechat_links` has the commands that make codes and links.
"""

import errno
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import current_app

from myapi.cli import output
from myapi.cli.command import Group
from myapi.cli.options import json_option, utc_option
from myapi.cli.tables import print_fields
from myapi.cli.times import with_age
from myapi.cli.wechat_links import code, link, scheme
from myapi.clock import iso
from myapi.extensions import settings, wechat
from myapi.language import localized
from myapi.wechat import Reply, TokenRow, WeChatError
from myapi.wechat.access_token import RENEWED_BEFORE
from myapi.wechat.sandbox import Sandbox, SandboxServer


@click.group("wechat", cls=Group)
def group() -> None:
    """Call WeChat's API, and develop without WeChat."""


for command in (code, link, scheme):
    group.add_command(command)


#: Names in requests and answers whose values are secrets or personal.
SECRET = re.compile(
    r"token|secret|session_?key|ticket|phone|openid|unionid|^touser$|^code$", re.IGNORECASE
)


@group.command()
@utc_option
@json_option()
def token(as_json: bool, utc: bool) -> None:
    """Show the age and the state of the shared access_token, never the token.

    STATE is `none`, `valid`, `expiring` (less than five minutes are left: the next call renews it),
    `expired`, or `refused`: WeChat refused it before its time and gave no other.
    """
    row, now = current_app.extensions["token_store"].load()
    next_forced = row.next_forced(now)
    item = {
        "appid": settings().appid,
        "state": _state(row, now),
        "fetched_at": row.fetched_at and iso(row.fetched_at),
        "expires_at": row.expires_at and iso(row.expires_at),
        "being_renewed": row.is_being_renewed(now),
        "forced_renewals": row.forced_in_series(now),
        "next_forced_renewal_at": iso(next_forced) if next_forced > now else None,
    }
    if as_json:
        output.print_json(item)
        return
    fields = {name: None if value is None else str(value) for name, value in item.items()}
    if output.to_terminal() and not utc:
        times = {name: text for name, text in fields.items() if name.endswith("_at") and text}
        fields |= {name: with_age(text) for name, text in times.items()}
    print_fields(fields)


@group.command()
@click.argument("path")
@click.option("--json", "body", metavar="JSON", help="Send this object with POST; else it is GET.")
@click.option("--query", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
def call(path: str, body: str | None, query: tuple[str, ...]) -> None:
    """Make one call to WeChat with the access_token, and print the answer.

    PATH is that of WeChat's documentation, such as /cgi-bin/openapi/quota/get. Tokens, session
    keys, openids and phone numbers are masked in what is printed.
    """
    if not re.fullmatch(r"/[!-~]*", path) or "?" in path or "#" in path:
        raise click.UsageError(
            localized(
                "PATH begins with / and has no query: use --query",
                "PATH 以 / 开头，不含查询参数：请用 --query",
            )
        )
    method = "GET" if body is None else "POST"
    parameters, sent = _parameters(query), _object(body)
    hide = [*_secrets(parameters), *_secrets(sent)]
    try:
        answer: Reply = wechat().call(method, path, query=parameters, json=sent, hide=hide)
    except WeChatError as error:
        raise click.ClickException(str(error)) from None
    output.print_json(_masked(answer))


@group.command(needs_settings=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8001,
    show_default=True,
    help="The port to listen on.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--latency",
    type=click.FloatRange(0, 60_000),
    default=0,
    metavar="MS",
    help="Delay each answer by this many milliseconds.",
)
def sandbox(port: int, host: str, latency: float) -> None:
    """Serve the WeChat sandbox, a fake of WeChat's server API, to any program.

    The code `alice` logs in the user alice any number of times; `alice.1` works once. The state is
    kept under instance/, in the same file as the sandbox of the service in development.
    """
    state = Sandbox(Path(current_app.instance_path) / "sandbox.db")
    try:
        server = SandboxServer(state, host, port, latency=latency / 1000)
    except OSError as error:
        raise click.ClickException(f"{host}, port {port}: {_reason(error)}") from None
    output.print_line(
        localized(
            f"WeChat sandbox on {server.url} (Ctrl-C stops it)",
            f"微信沙箱运行在 {server.url}（按 Ctrl-C 停止）",
        )
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        output.end_line()
    finally:
        server.close()
        state.close()


def _state(row: TokenRow, now: datetime) -> str:
    if row.token is None:
        return "none"
    if row.given_up_at is not None:
        return "refused"
    if now >= (row.expires_at or now):
        return "expired"
    return "valid" if row.left(now) > RENEWED_BEFORE else "expiring"


def _parameters(pairs: tuple[str, ...]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise click.UsageError(
                localized(
                    f"--query takes NAME=VALUE, not {pair}", f"--query 应为 NAME=VALUE：{pair}"
                )
            )
    return dict(pair.split("=", 1) for pair in pairs)


def _object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise click.UsageError(
            localized("--json must be a JSON object", "--json 必须是一个 JSON 对象")
        )
    return value


def _masked(value: Any, *, is_secret: bool = False) -> Any:  # noqa: ANN401 (JSON)
    """Mask what is secret or personal, by its name."""
    if isinstance(value, dict):
        return {
            name: _masked(each, is_secret=bool(SECRET.search(name))) for name, each in value.items()
        }
    if isinstance(value, list):
        return [_masked(each, is_secret=is_secret) for each in value]
    return "***" if is_secret and isinstance(value, str | int) else value


def _secrets(value: Any, *, is_secret: bool = False) -> Iterator[str]:  # noqa: ANN401 (JSON)
    """Find the texts that `_masked` masks."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _secrets(each, is_secret=bool(SECRET.search(name)))
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each, is_secret=is_secret)
    elif is_secret and isinstance(value, str):
        yield value


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return localized(
            "the port is in use, choose another --port", "端口已被占用，请用 --port 换一个"
        )
    return error.strerror or str(error)
