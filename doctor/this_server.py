"""The server that the API runs on, for the checks that are made there."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from doctor import deadlines
from doctor.http1 import Reply, build_request, exchange
from doctor.texts import printable


def run_program(*command: str) -> str:
    """Return what a system program prints. Raises OSError if it fails or does not end in time."""
    try:
        done = subprocess.run(  # noqa: S603 (fixed words, no shell)
            command,
            capture_output=True,
            text=True,
            timeout=deadlines.STEP,
            check=False,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} does not end") from None
    if done.returncode != 0:
        raise OSError(printable(done.stderr, 80) or f"{command[0]} ended with {done.returncode}")
    return done.stdout


@dataclass(frozen=True)
class Server:
    """What the checks need to know; `flask doctor` fills it in from the settings."""

    bind: str = ""  # where the app listens, as in MYAPI_BIND
    max_body_bytes: int = 0  # MYAPI_MAX_BODY_BYTES; 0 where it is not known
    request_timeout: int = 0  # MYAPI_REQUEST_TIMEOUT, seconds
    debug: bool | None = None  # None where it is not known
    appid: str = ""
    secret: str = field(default="", repr=False)
    wechat_url: str = "https://api.weixin.qq.com"
    uses_sandbox: bool = False  # in place of WeChat
    uses_sqlite: bool | None = None
    other_secrets: tuple[str, ...] = field(default=(), repr=False)  # never shown, as `secret`
    private_paths: tuple[Path, ...] = ()  # files and folders that no other user may read
    data_folders: tuple[Path, ...] = (Path("/"),)  # where disk space is needed
    certificate: Path | None = None  # the one that the proxy should serve
    letsencrypt: Path = Path("/etc/letsencrypt")
    nginx: Path = Path("/etc/nginx")
    run: Callable[..., str] = run_program

    @property
    def all_secrets(self) -> tuple[str, ...]:
        return (self.secret, *self.other_secrets)


def ask_app(bind: str, path: str, deadline: float) -> Reply:
    """Ask the app at its own socket, without the proxy."""
    try:
        with _connect(bind, deadline) as sock:
            return Reply(exchange(sock, build_request("GET", path, "localhost"), deadline))
    except (OSError, ValueError) as error:
        return Reply(error=error)


def _connect(bind: str, deadline: float) -> socket.socket:
    if bind.startswith("unix:"):
        return _connect_unix(re.sub("^unix:(//)?", "", bind), deadline)
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    loopback = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (read, not bound)
    return socket.create_connection(
        (loopback.get(host, host), int(port)), deadlines.remaining(deadline)
    )


def _connect_unix(path: str, deadline: float) -> socket.socket:
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise OSError("no Unix sockets on this system")
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(deadlines.remaining(deadline))
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock
