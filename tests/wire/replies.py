"""Send bytes, and read whatever comes back, for as long as something may come."""

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

PATIENCE = 3.0  # s for an answer
SETTLED = 0.2  # s without another byte after an answer


class Answer(NamedTuple):
    """One answer; the status of one without a status line, as in HTTP/0.9, is 0."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The request id that the headers tell."""
        return self.headers.get("x-request-id")

    @property
    def told_id(self) -> str | None:
        """The request id that the body tells: of an error of the API or of Nginx."""
        with contextlib.suppress(ValueError, AttributeError):
            return json.loads(self.body).get("request_id")
        return None


class Reply(NamedTuple):
    """All that came: the answers, without the interim ones, and what is none."""

    answers: tuple[Answer, ...]
    rest: bytes
    closed: bool
    seconds: float

    @property
    def statuses(self) -> tuple[int, ...]:
        return tuple(answer.status for answer in self.answers)

    def __str__(self) -> str:
        said = " ".join(map(str, self.statuses)) or ("closed" if self.closed else "silence")
        return said + (f" and {self.rest[:30]!r}" if self.rest else "")


Connect = Callable[[], socket.socket]


def ask(connect: Connect, case: Case, settled: float = SETTLED) -> Reply:
    """Send a case over a connection of its own; read until it is silent for so many seconds."""
    with connect() as connection:
        started = time.monotonic()
        connection.settimeout(PATIENCE)
        with contextlib.suppress(OSError):  # it may answer, and close, before all is sent
            connection.sendall(case.raw)
            if case.leaves:
                connection.shutdown(socket.SHUT_WR)  # over TLS that ends reading too
        data, closed = _receive(connection, started + PATIENCE, settled, case)
        if case.leaves and isinstance(connection, ssl.SSLSocket):
            data = b""  # TLS has ended with our side, and what came is not for reading
        answers, rest = parse(data, head=case.raw.startswith(b"HEAD"))
        return Reply(answers, rest, closed, time.monotonic() - started)


def _receive(
    connection: socket.socket, until: float, settled: float, case: Case
) -> tuple[bytes, bool]:
    """Return what comes, and whether the other side has closed."""
    data = b""
    while True:
        whole = bool(data) and not parse(data, head=case.raw.startswith(b"HEAD"))[1]
        connection.settimeout(max(0.001, min(until - time.monotonic(), settled if whole else 60)))
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
    """Split what a server said into answers, and the rest that is no whole one."""
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
    """Return the body, its length or None where more has to come, and what is behind it."""
    if head or status < 200 or status in {204, 304}:
        return b"", 0, rest
    if headers.get("transfer-encoding") == "chunked":
        body, ended, behind = rest.partition(b"\r\n0\r\n\r\n")
        return body, len(body) if ended else None, behind
    length = int(headers.get("content-length", len(rest)))
    return rest[:length], length if len(rest) >= length else None, rest[length:]
