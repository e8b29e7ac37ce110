"""Requests of the usual form, read at once.

Gunicorn's parser, in Python, takes longer than most answers do. What Nginx sends for a phone is
always of one form: one expression recognises it, and it means here what it means to Gunicorn.
Whatever is in any way unusual is left to Gunicorn.
"""

import functools
import io
import re
from typing import Any, NamedTuple

from gunicorn.config import Config
from gunicorn.http.message import HeaderPolicy
from gunicorn.http.wsgi import base_environ

_HEAD = re.compile(
    r"(GET|POST|PUT|DELETE|HEAD|OPTIONS) ((/[\w.~/-]*)(?:\?([\w.~%=&+-]*))?) HTTP/1\.1\r\n"
    r"((?:[A-Za-z0-9-]+: ?[!-~](?:[ -~]*[!-~])?\r\n)+)\r\n",
    re.ASCII,
)
_LENGTH = re.compile("[0-9]{1,9}", re.ASCII)
# These say where the body ends in another way, or ask for more than an answer.
_UNUSUAL = frozenset({"HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_UPGRADE"})
_LONGEST = 8190  # bytes of a head, so that no line of it passes Gunicorn's limit for one


class Plain(NamedTuple):
    """A whole request."""

    environ: dict[str, Any]
    size: int  # bytes
    closes: bool  # the client wants no more after it


class Reader:
    """Reads what comes over connections between one listener and one address."""

    def __init__(self, config: Config, client: Any, server: Any) -> None:  # noqa: ANN401
        # Gunicorn looks each up among all its settings.
        self._most_fields, self._longest_line = (
            config.limit_request_fields,
            config.limit_request_line,
        )
        self._server = None if isinstance(server, str) else (server[0], str(server[1]))
        self._base = {
            **base_environ(config),
            "wsgi.multithread": True,
            "wsgi.url_scheme": "http",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": "",
            "REMOTE_ADDR": client if isinstance(client, str) else client[0],
        }
        if isinstance(client, tuple):
            self._base["REMOTE_PORT"] = str(client[1])
        policy = HeaderPolicy()
        policy.cfg, policy.peer_addr = config, client
        # The headers in which this client may tell the scheme, and what means https in each.
        self._schemes = {
            _key(name): secure for name, secure in policy._peer_trusted_for_forwarded()[0].items()
        }

    def read(self, held: bytes) -> Plain | None:
        """Return the request that `held` begins with; None if it is unusual or not whole."""
        end = held.find(b"\r\n\r\n") + 4
        head = _HEAD.fullmatch(held[:end].decode("latin-1")) if 4 < end <= _LONGEST else None
        if head is None:
            return None
        method, uri, path, query, lines = head.groups()
        fields = lines.split("\r\n")
        fields.pop()
        if len(fields) > self._most_fields or head.start(5) > self._longest_line:
            return None
        environ = self._base.copy()
        common = len(environ)
        for field in fields:
            name, _, value = field.partition(":")
            environ[_key(name)] = value.strip(" ")
        if len(environ) != common + len(fields) or not _UNUSUAL.isdisjoint(environ):
            return None
        length = environ.get("CONTENT_LENGTH", "0")
        if not _LENGTH.fullmatch(length):
            return None
        size = end + int(length)
        if len(held) < size or not self._name_server(environ):
            return None
        environ["REQUEST_METHOD"] = method
        environ["RAW_URI"] = uri
        environ["PATH_INFO"] = path
        environ["QUERY_STRING"] = query or ""
        environ["wsgi.input"] = io.BytesIO(held[end:size])
        return Plain(environ, size, environ.get("HTTP_CONNECTION", "").lower() == "close")

    def _name_server(self, environ: dict[str, Any]) -> bool:
        """Set what the headers tell of scheme and server; False where they leave a doubt."""
        told = [name for name in self._schemes if name in environ]
        if len(told) > 1 or "HTTP_HOST" not in environ:
            return False
        if told and environ[told[0]] == self._schemes[told[0]]:
            environ["wsgi.url_scheme"] = "https"
        if self._server:
            environ["SERVER_NAME"], environ["SERVER_PORT"] = self._server
        else:
            name, *ports = environ["HTTP_HOST"].split(":")
            default = "443" if environ["wsgi.url_scheme"] == "https" else "80"
            environ["SERVER_NAME"], environ["SERVER_PORT"] = name, ports[0] if ports else default
        return True


@functools.lru_cache(256)
def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
