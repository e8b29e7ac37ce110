"""An HTTP client with a keep-alive connection, like `wx.request` and Nginx."""

from __future__ import annotations

import http.client
import json
import select
from collections.abc import Callable
from typing import Any, NamedTuple

from myapi.web.errors import REGISTRY

OK = "ok"
NO_ANSWER = "no answer"

Connect = Callable[[], http.client.HTTPConnection]


class Answer(NamedTuple):
    """`outcome` is OK for a 200, the name of an API error, or how the request failed."""

    outcome: str
    data: Any = None
    detail: str = ""


class Client:
    """Reuses its connection, and opens a new one if the server has closed it."""

    def __init__(self, connect: Connect, *, kept: bool = True) -> None:
        self._connect = connect
        self._kept = kept
        self._connection: http.client.HTTPConnection | None = None

    def call(self, route: str, body: Any = None, token: str = "") -> Answer:
        """Send one request to a route such as `GET /api/me`."""
        try:
            status, answer = self._send(*route.split(), body, token)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(NO_ANSWER, detail=repr(error))
        except ValueError as error:
            self.close()
            return Answer("no JSON", detail=repr(error))
        if status == 200:
            return Answer(OK, answer.get("data"))
        error = answer.get("error")
        known = error in REGISTRY and REGISTRY[error].status == status
        return Answer(error if known else f"HTTP {status}", detail=str(answer))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, method: str, path: str, body: Any, token: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = self._open()
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
        if not self._kept:
            self.close()
        return response.status, json.loads(content)

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is not None and _is_closed(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server closed it: there is something to read without a request."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
