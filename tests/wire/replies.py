"""Send raw bytes and parse everything received until the server closes or falls silent."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.wire.cases import Case

TIMEOUT = 3.0  # s for a response
SETTLED = 0.2  # s without another byte after a response


class Answer(NamedTuple):
    """One response. Without a status line, as in HTTP/0.9, the status is 0."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The request id in the headers."""
        return self.headers.get("x-request-id")

    @property
    def body_request_id(self) -> str | None:
        """The request id in the body of an error by the API or Nginx."""
        with contextlib.suppress(ValueError, AttributeError):
            return json.loads(self.body).get("request_id")
        return None


class Reply(NamedTuple):
    """Everything received: the final responses, and the bytes that are not a response."""

    answers: tuple[Answer, ...]
    rest: bytes
    closed: bool
    seconds: float

    @property
    def statuses(self) -> tuple[int, ...]:
        return tuple(answer.status for answer in self.answers)

    def __str__(self) -> str:
        text = " ".join(map(str, self.statuses)) or ("closed" if self.closed else "silence")
        return text + (f" and {self.rest[:30]!r}" if self.rest else "")


Connect = Callable[[], socket.socket]


def ask(connect: Connect, case: Case, settled: float = SETTLED) -> Reply:
    """Send a case over a new connection; read until it is silent for `settled` seconds."""
    with connect() as connection:
        started = time.monotonic()
        connection.settimeout(TIMEOUT)
        with contextlib.suppress(OSError):  # the server may respond and close early
            connection.sendall(case.raw)
            if case.half_closes:
                connection.shutdown(socket.SHUT_WR)  # over TLS this ends reading too
        data, closed = _receive(connection, started + TIMEOUT, settled, case)
        if case.half_closes and isinstance(connection, ssl.SSLSocket):
            data = b""  # after the shutdown the data is still encrypted
        answers, rest = parse(data, head=case.raw.startswith(b"HEAD"))
        return Reply(answers, rest, closed, time.monotonic() - started)


def _receive(
    connection: socket.socket, deadline: float, settled: float, case: Case
) -> tuple[bytes, bool]:
    """Return the received data, and whether the server closed the connection."""
    data = b""
    while True:
        complete = bool(data) and not parse(data, head=case.raw.startswith(b"HEAD"))[1]
        connection.settimeout(
            max(0.001, min(deadline - time.monotonic(), settled if complete else 60))
        )
        try:
            more = connection.recv(65536)
        except TimeoutError:
            return data, False
        except OSError:
            return data, True
        if not more:
            return data, True
        data += more


def parse(data: bytes, *, head: bool = False) -> tuple[tuple[Answer, ...], bytes]:
    """Split data into final responses and the rest that is not a complete response."""
    answers: list[Answer] = []
    while data.startswith(b"HTTP/"):
        start, ended, rest = data.partition(b"\r\n\r\n")
        found = re.match(rb"HTTP/1\.\d (\d{3})[ \r]", start + b"\r\n")
        if not ended or not found:
            break
        lines = start.decode("latin-1").split("\r\n")[1:]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body, length, rest = _body(rest, headers, int(found[1]), head)
        if length is None:
            break
        data = rest
        if int(found[1]) >= 200:
            answers.append(Answer(int(found[1]), headers, body))
    if data[:1] in {b"{", b"<"} and not answers:
        return (Answer(0, {}, data),), b""
    return tuple(answers), data


def _body(
    rest: bytes, headers: dict[str, str], status: int, head: bool
) -> tuple[bytes, int | None, bytes]:
    """Return the body, its length (None if incomplete), and the data after it."""
    if head or status < 200 or status in {204, 304}:
        return b"", 0, rest
    if headers.get("transfer-encoding") == "chunked":
        body, ended, behind = rest.partition(b"\r\n0\r\n\r\n")
        return body, len(body) if ended else None, behind
    length = int(headers.get("content-length", len(rest)))
    return rest[:length], length if len(rest) >= length else None, rest[length:]
