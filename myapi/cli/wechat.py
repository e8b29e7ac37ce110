"""`flask wechat …`: run the WeChat sandbox as a server of its own."""

import errno
from pathlib import Path

import click
from flask import current_app

from myapi.cli import output
from myapi.cli.command import Group
from myapi.language import localized
from myapi.wechat.sandbox import Sandbox, SandboxServer


@click.group("wechat", cls=Group)
def group() -> None:
    """Develop without WeChat."""


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


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return localized(
            "the port is in use, choose another --port", "端口已被占用，请用 --port 换一个"
        )
    return error.strerror or str(error)
