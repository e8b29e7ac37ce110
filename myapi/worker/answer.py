"""What the app answers, in one piece: answers of an API are small."""

import functools
import re
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_HEAD = re.compile(
    r"[0-9]{3} [ \t!-~\x80-\xff]*\r\n(?:[\w!#$%&'*+.^`|~-]+: [ \t!-~\x80-\xff]*\r\n)*", re.ASCII
)
_OURS_TO_SAY = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer"}) | {
    "upgrade",
    "date",
    "server",
}
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class AnswerError(Exception):
    """The app answers with what is no HTTP."""


class Answer:
    """Has a WSGI app (PEP 3333) answer one request. Raises what the app does."""

    def __init__(self, app: "WSGIApplication", environ: "WSGIEnvironment") -> None:
        self._version = environ["SERVER_PROTOCOL"]
        self._begun = False
        written: list[bytes] = []

        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: Any = None,  # noqa: ANN401
        ) -> Callable[[bytes], None]:
            """Nothing is sent before the end, so what fails meanwhile may begin anew."""
            if self._begun and not exc_info:
                raise AnswerError("the answer has begun already")
            self._begun, self._status, self._headers = True, status, headers
            written.clear()
            return written.append

        result = app(environ, start)
        try:
            self._body = b"".join([*written, *result])
        finally:
            if hasattr(result, "close"):
                result.close()
        if not self._begun:
            raise AnswerError("the app has not begun an answer")
        self._has_body = environ["REQUEST_METHOD"] != "HEAD"

    def data(self, *, closes: bool) -> bytes:
        """Return head and body; `closes` says that the connection ends with them."""
        lines, length = [f"{self._status}\r\n"], None
        for name, value in self._headers:
            lowered = name.lower()
            if lowered == "content-length":
                length = int(value)
            if lowered not in _OURS_TO_SAY:
                lines.append(f"{name}: {value}\r\n")
        head = "".join(lines)
        # A line break in a value would pass the expression, but not the count.
        if not _HEAD.fullmatch(head) or head.count("\n") != len(lines):
            raise AnswerError(f"no HTTP in the head of a {self._status!r}")
        body = self._body
        if not self._has_body or int(head[:3]) in _BODILESS:
            body = b""
        elif length is None:
            head += f"Content-Length: {len(body)}\r\n"
        elif length != len(body):
            raise AnswerError(f"{len(body)} bytes where {length} were promised")
        return (
            f"{self._version} {head}Server: gunicorn\r\nDate: {_date(int(time.time()))}\r\n"
            f"Connection: {'close' if closes else 'keep-alive'}\r\n\r\n"
        ).encode("latin-1") + body


@functools.lru_cache(1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
