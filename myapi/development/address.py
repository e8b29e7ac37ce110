"""Where development listens: `MYAPI_BIND` as Gunicorn reads it, and what to type if it is taken."""

import contextlib
import errno
import http.client
import json
import os
import re
import socket
from typing import NamedTuple

from myapi.language import localized

WINDOWS = os.name == "nt"
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)


class AddressError(Exception):
    """The service cannot listen there; the message says what to type instead."""


class Address(NamedTuple):
    """A host and a port, or the path of a Unix socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        """Return it as `MYAPI_BIND` is written."""
        return f"unix:{self.path}" if self.path else f"{_bracketed(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """Where a program on this machine reaches it."""
        if self.path:
            return "http://localhost"
        return f"http://{_bracketed(self.local_host)}:{self.port}"

    @property
    def local_host(self) -> str:
        return WILDCARDS.get(self.host, self.host)


def parse(bind: str) -> Address:
    """Parse `MYAPI_BIND`: host:port, [IPv6]:port or unix:/path. Raises `AddressError`."""
    if bind.startswith("unix:"):
        return Address("", 0, bind.removeprefix("unix:").removeprefix("//"))
    found = re.fullmatch(r"(?:tcp://)?(?:\[([^\]]+)\]|([^:\[\]]*))(?::([0-9]{1,5}))?", bind)
    port = int(found[3] or 8000) if found else 0
    if not found or not 0 < port < 65536:
        raise AddressError(
            localized(
                "MYAPI_BIND must be host:port, such as 127.0.0.1:8000, or unix:/path",
                "MYAPI_BIND 的写法是 host:port（例如 127.0.0.1:8000）或 unix:/path",
            )
        )
    return Address(found[1] or found[2] or "0.0.0.0", port)  # noqa: S104


def require_free(address: Address, command: str) -> None:
    """Raise `AddressError` if it cannot be bound; `command` is what would be typed again."""
    error = _error_of_bind(address)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        reason = _in_use(address)
        other = _another(address)
    else:
        cause = error.strerror or error
        reason = localized(f"{address} cannot be used: {cause}", f"{address} 无法使用：{cause}")
        other = _another(address._replace(host="127.0.0.1"))
    line = with_variable("MYAPI_BIND", str(other), command)
    raise AddressError(reason + localized(". Another address:", "。换一个地址：") + f"\n  {line}")


def _in_use(address: Address) -> str:
    if _is_myapi(address):
        return localized(
            f"{address} is in use by another myapi", f"{address} 已被另一个 myapi 占用"
        )
    return localized(f"{address} is in use", f"{address} 已被占用")


def with_variable(name: str, value: str, command: str, *, windows: bool = WINDOWS) -> str:
    """Return what to type in this system's shell to run a command with a variable."""
    return f'$env:{name} = "{value}"; {command}' if windows else f"{name}={value} {command}"


def _error_of_bind(address: Address) -> OSError | None:
    """Try to bind as the servers do; for a Unix socket, whether a server answers there."""
    if address.path:
        return _error_of_unix_socket(address.path)
    with socket.socket(_family(address)) as probe:
        # With SO_REUSEADDR, Windows lets a second server bind the same port.
        option = "SO_EXCLUSIVEADDRUSE" if WINDOWS else "SO_REUSEADDR"
        probe.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            return error
    return None


def _error_of_unix_socket(path: str) -> OSError | None:
    """Gunicorn replaces the socket of a server that runs, so ask whether one does."""
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.settimeout(1)
        probe.connect(path)
        return OSError(errno.EADDRINUSE, "in use")
    return None


def _is_myapi(address: Address) -> bool:
    if address.path:
        return False
    connection = http.client.HTTPConnection(address.local_host, address.port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        answer = json.loads(connection.getresponse().read(1000))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(answer, dict) and answer.get("msg") == "ok"


def _another(address: Address) -> Address:
    """Return the next free address."""
    if address.path:
        return address._replace(path=f"{address.path}.2")
    first = address.port + 1 if 1024 <= address.port < 65535 else 8000
    others = [address._replace(port=port) for port in range(first, min(first + 50, 65536))]
    return next((other for other in others if _error_of_bind(other) is None), others[0])


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
