"""JSON responses; a success is wrapped as `{"code": 0, "msg": "ok", "data": …}`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def ok(data: Any = None) -> Response:  # noqa: ANN401 (all that msgspec can encode)
    """Answer 200 with `data`: a struct, a dict, a list or None."""
    return json_response({"code": 0, "msg": "ok", "data": data})


def json_response(body: Any, status: int = 200) -> Response:  # noqa: ANN401
    return WholeResponse(_encode(body), status, content_type="application/json")


def _encode(body: object) -> bytes:
    """Escape U+2028 and U+2029: iPhones turn them into line breaks, which no JSON text may hold."""
    text = msgspec.json.encode(body)
    if b"\xe2\x80" in text:  # how both begin in UTF-8
        text = text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return text


class WholeResponse(Response):
    """A response that is complete in memory is sent as it is.

    Werkzeug would look for headers to correct, which takes as long as making the response.
    """

    def get_wsgi_response(
        self, environ: "WSGIEnvironment"
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        if self._is_special():
            return super().get_wsgi_response(environ)
        body: Any = () if environ["REQUEST_METHOD"] == "HEAD" else self.response
        return body, self.status, self.headers.to_wsgi_list()

    def _is_special(self) -> bool:
        """Whether a hook has changed it so that Werkzeug has to send it."""
        bodiless = self.status_code < 200 or self.status_code in {204, 304}
        # Private; public is only what adds to it (a test would notice its end).
        return bodiless or not self.is_sequence or bool(self._on_close)
