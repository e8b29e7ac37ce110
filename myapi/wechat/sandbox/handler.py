"""The sandbox over HTTP: two routes of WeChat's, and two of its own for this machine alone."""

import ipaddress
import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from .codes import refusal
from .control import BadRequestError, Control, encrypt, fault, read_object
from .faults import Reply, errcode_of, spoiled
from .state import Sandbox

#: The most bytes of a body that are read.
BODY_LIMIT = 256 * 1024

#: Beginnings of the headers by which a proxy says that it stands between.
_FORWARDED = ("forwarded", "via", "x-forwarded", "x-real-ip")


class Settings(Protocol):
    """What a handler needs of its server. Times are in seconds."""

    sandbox: Sandbox
    latency: float
    slow: float
    drip: float
    closing: Event


class Handler(BaseHTTPRequestHandler):
    """Answers one connection. Logs nothing of a request: codes and secrets are in its line."""

    settings: Settings

    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece and at once, or it would wait 40 ms for a delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/sns/jscode2session":
            self._code_to_session()
        else:
            self._refuse(404, "no such route")

    def do_POST(self) -> None:
        if urlsplit(self.path).path == "/cgi-bin/stable_token":
            self._stable_token()
        else:
            self._control({"/sandbox/encrypt": encrypt})

    def do_PUT(self) -> None:
        self._control({"/sandbox/fault": fault})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Log nothing."""

    def _code_to_session(self) -> None:
        self._answer(lambda sandbox: sandbox.exchange(*self._parameters()))

    def _stable_token(self) -> None:
        try:
            body = read_object(self._body())
        except BadRequestError:  # in WeChat's words: data format error
            self._answer(lambda sandbox: refusal(47001))
            return
        names = ("appid", "secret", "grant_type")
        appid, secret, grant_type = (str(body.get(name) or "") for name in names)
        self._answer(lambda sandbox: sandbox.stable_token(appid, secret, grant_type))

    def _answer(self, right: Callable[[Sandbox], dict[str, object]]) -> None:
        """Give the right answer, unless it is a bad day."""
        sandbox = self.settings.sandbox
        kind = sandbox.take_fault()
        errcode = errcode_of(kind)
        answer = refusal(errcode) if errcode is not None else right(sandbox)
        late = self.settings.slow if kind == "slow" else 0.0
        self.settings.closing.wait(self.settings.latency + late)
        self._send_but(kind, Reply(200, json.dumps(answer).encode("ascii")))

    def _parameters(self) -> tuple[str, str, str, str]:
        query = parse_qs(urlsplit(self.path).query)
        appid, secret, code, grant_type = (
            query.get(name, [""])[0] for name in ("appid", "secret", "js_code", "grant_type")
        )
        return appid, secret, code, grant_type

    def _send_but(self, kind: str | None, reply: Reply) -> None:
        """Send `reply` as a fault would have it."""
        if kind == "closed":
            self.close_connection = True
        elif kind in ("drip", "drip_headers"):
            self._drip(reply, from_the_start=kind == "drip_headers")
        else:
            self._send(spoiled(kind, reply, self.path))

    def _control(self, routes: Mapping[str, Control]) -> None:
        control = routes.get(urlsplit(self.path).path)
        if control is None:
            self._refuse(404, "no such route")
        elif not self._is_local():
            self._refuse(403, "for this machine alone, and not through a proxy")
        else:
            try:
                self._send_json(200, control(self.settings.sandbox, read_object(self._body())))
            except BadRequestError as error:
                self._refuse(400, str(error))

    def _is_local(self) -> bool:
        address = ipaddress.ip_address(self.client_address[0].partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback and not any(
            name.lower().startswith(_FORWARDED) for name in self.headers
        )

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise BadRequestError("a Content-Length is needed")
        if len(length) > 9 or int(length) > BODY_LIMIT:
            raise BadRequestError(f"at most {BODY_LIMIT} bytes")
        return self.rfile.read(int(length))

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True  # a body may still be on its way
        self._send_json(status, {"error": text})

    def _send_json(self, status: int, answer: Mapping[str, object]) -> None:
        self._send(Reply(status, json.dumps(answer).encode("ascii"), "application/json"))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.location:
            self.send_header("Location", reply.location)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def _drip(self, reply: Reply, *, from_the_start: bool) -> None:
        self.close_connection = True
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(reply.body)
        at_once = b"" if from_the_start else head
        self.wfile.write(at_once)
        for byte in (head + reply.body)[len(at_once) :]:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.settings.closing.wait(self.settings.drip):
                return
