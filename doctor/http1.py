"""A small HTTP/1.1 client that bounds how long and how much it reads.

The standard library's client bounds each read, not the whole: a server that sends a byte a second
would hold it for hours.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from doctor.deadlines import remaining
from doctor.texts import printable

HEAD_LIMIT = 32 * 1024  # bytes of headers that are read
BODY_LIMIT = 128 * 1024  # bytes of a body that are read, and that are unpacked


class Response(NamedTuple):
    """An HTTP response. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes
    first_byte: float  # s from the request to the first byte of the response

    @property
    def body(self) -> bytes:
        """The body unpacked, or as it came if it cannot be unpacked."""
        with contextlib.suppress(zlib.error):
            return self.unpacked()
        return self.raw

    def unpacked(self) -> bytes:
        """Return at most BODY_LIMIT bytes, however much is packed. Raises zlib.error."""
        if self.headers.get("content-encoding", "").lower() not in ("gzip", "deflate"):
            return self.raw
        return zlib.decompressobj(47).decompress(self.raw, BODY_LIMIT)

    def json(self) -> dict[str, Any]:
        """Parse the body as a JSON object; {} for anything else."""
        try:
            found = json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_from_api(self) -> bool:
        """Whether myapi itself answered, be it with an error."""
        found = self.json()
        return isinstance(found.get("code"), int) and isinstance(found.get("msg"), str)

    @property
    def summary(self) -> str:
        kind = printable(self.headers.get("content-type", "-"), 40)
        return f"HTTP {self.status}, {kind}: {printable(self.body, 80)}"


class Reply(NamedTuple):
    """A response, or the error in its place; neither if nothing could be asked."""

    response: Response | None = None
    error: Exception | None = None


class NotHttpError(OSError):
    """The other side does not speak HTTP."""


def build_request(
    method: str, path: str, host: str, body: bytes | None = None, **headers: str
) -> bytes:
    """Build a request that asks the server to close the connection after its response."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "User-Agent: myapi-doctor"]
    lines += ["Accept: application/json, */*", "Connection: close"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


def exchange(sock: socket.socket, request: bytes, deadline: float) -> Response:
    """Send a request and read the response. Raises OSError."""
    started = time.monotonic()
    sock.settimeout(remaining(deadline))
    with contextlib.suppress(ConnectionError):  # the server may refuse before it has read all
        sock.sendall(request)
    data = receive(sock, deadline)
    if not data:
        raise ConnectionResetError("closed without an answer")
    first_byte = time.monotonic() - started
    while b"\r\n\r\n" not in data:
        more = receive(sock, deadline) if len(data) < HEAD_LIMIT else b""
        if not more:
            raise NotHttpError(f"not HTTP: {printable(data, 60)}")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    status, headers = _parse_head(head)
    return Response(status, headers, _read_body(sock, headers, body, deadline), first_byte)


def receive(sock: socket.socket, deadline: float) -> bytes:
    sock.settimeout(remaining(deadline))
    return sock.recv(16384)


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    status = re.match(r"HTTP/\d\.\d (\d{3})(?: |$)", first)
    if status is None:
        raise NotHttpError(f"not HTTP: {printable(first, 60)}")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return int(status[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _read_body(
    sock: socket.socket, headers: Mapping[str, str], body: bytes, deadline: float
) -> bytes:
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    length = headers.get("content-length", "")
    wanted = min(int(length), BODY_LIMIT) if re.fullmatch(r"\d{1,9}", length) else BODY_LIMIT
    while len(body) < wanted and not (chunked and body.endswith(b"0\r\n\r\n")):
        more = receive(sock, deadline)
        if not more:
            break
        body += more
    return _join_chunks(body) if chunked else body[:wanted]


def _join_chunks(data: bytes) -> bytes:
    """Join the chunks up to the first that cannot be parsed."""
    whole = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if not re.fullmatch(rb"[0-9a-fA-F]{1,6}", size.partition(b";")[0].strip()):
            return whole
        length = int(size.partition(b";")[0], 16)
        if length == 0:
            return whole
        whole, data = whole + data[:length], data[length + 2 :]
