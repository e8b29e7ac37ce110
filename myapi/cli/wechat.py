"""`flask wechat …`: the WeChat sandbox by itself."""

import errno
from pathlib import Path

import click
from flask import current_app

from myapi.cli import output
from myapi.cli.command import Group
from myapi.wechat.sandbox import Sandbox, SandboxServer


@click.group("wechat", cls=Group)
def group() -> None:
    """Try WeChat without WeChat."""


@group.command(needs_settings=False)
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--latency",
    type=click.FloatRange(0, 60_000),
    default=0,
    metavar="MS",
    help="Milliseconds that each login takes longer.",
)
def sandbox(port: int, host: str, latency: float) -> None:
    """Serve the WeChat sandbox: a fake of WeChat to log in with, for any program that asks it.

    The code `alice` is the user alice, as often as you like; `alice.1` works once. What it
    remembers is under instance/, where the service in development keeps its own sandbox.
    """
    state = Sandbox(Path(current_app.instance_path) / "sandbox.db")
    try:
        server = SandboxServer(state, host, port, latency=latency / 1000)
    except OSError as error:
        raise click.ClickException(f"{host}, port {port}: {_why(error)}") from None
    output.print_line(f"WeChat sandbox on {server.url} (Ctrl-C ends it)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        output.end_line()
    finally:
        server.close()
        state.close()


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "something else listens there, choose another --port"
    return error.strerror or str(error)
