"""The sandbox over HTTP: WeChat's routes, and two control routes for loopback only."""

import ipaddress
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Protocol
from urllib.parse import urlsplit

from .control import BadRequestError, Control, encrypt, parse_object, set_fault
from .errcodes import error_reply
from .faults import Reply, apply_fault, errcode_of
from .routes import ROUTES, Call, answer, take_fault
from .state import Sandbox

#: Largest accepted body, in bytes.
BODY_LIMIT = 256 * 1024

#: Prefixes of the headers that a proxy adds.
_PROXY_HEADERS = ("forwarded", "via", "x-forwarded", "x-real-ip")


class Options(Protocol):
    """What a handler needs from its server. Times are in seconds."""

    sandbox: Sandbox
    latency: float
    slow: float
    drip: float
    closing: Event


class Handler(BaseHTTPRequestHandler):
    """Serves one connection. Logs no request, since its URL holds codes and secrets."""

    options: Options

    protocol_version = "HTTP/1.1"
    # Send each answer in one piece and without delay: a delayed ACK would cost 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer_or({})

    def do_POST(self) -> None:
        self._answer_or({"/sandbox/encrypt": encrypt})

    def do_PUT(self) -> None:
        self._control({"/sandbox/fault": set_fault})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""

    def _answer_or(self, controls: Mapping[str, Control]) -> None:
        url = urlsplit(self.path)
        if url.path in ROUTES:
            self._answer(Call(self.command, url.path, url.query, self._body_or_nothing()))
        else:
            self._control(controls)

    def _answer(self, call: Call) -> None:
        """Send the answer of one of WeChat's routes, or the fault that is set for this call."""
        sandbox = self.options.sandbox
        kind = take_fault(sandbox, call)
        errcode = errcode_of(kind)
        content = error_reply(errcode) if errcode is not None else answer(sandbox, call)
        if not isinstance(content, Reply):
            content = Reply(200, json.dumps(content).encode("ascii"))
        delay = self.options.slow if kind == "slow" else 0.0
        self.options.closing.wait(self.options.latency + delay)
        self._send_with_fault(kind, content)

    def _body_or_nothing(self) -> bytes:
        if self.command == "GET":
            return b""
        try:
            return self._body()
        except BadRequestError:
            self.close_connection = True  # the body was not read
            return b""

    def _send_with_fault(self, kind: str | None, reply: Reply) -> None:
        if kind == "closed":
            self.close_connection = True
        elif kind in ("drip", "drip_headers"):
            self._drip(reply, drip_headers=kind == "drip_headers")
        else:
            self._send(apply_fault(kind, reply, self.path))

    def _control(self, routes: Mapping[str, Control]) -> None:
        control = routes.get(urlsplit(self.path).path)
        if control is None:
            self._refuse(404, "no such route")
        elif not self._is_local():
            self._refuse(403, "only this machine may call it, and not through a proxy")
        else:
            try:
                self._send_json(200, control(self.options.sandbox, parse_object(self._body())))
            except BadRequestError as error:
                self._refuse(400, str(error))

    def _is_local(self) -> bool:
        address = ipaddress.ip_address(self.client_address[0].partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback and not any(
            name.lower().startswith(_PROXY_HEADERS) for name in self.headers
        )

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise BadRequestError("a Content-Length is required")
        if len(length) > 9 or int(length) > BODY_LIMIT:
            raise BadRequestError(f"the body may have at most {BODY_LIMIT} bytes")
        return self.rfile.read(int(length))

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True  # the body may not have been read
        self._send_json(status, {"error": message})

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

    def _drip(self, reply: Reply, *, drip_headers: bool) -> None:
        self.close_connection = True
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(reply.body)
        at_once = b"" if drip_headers else head
        self.wfile.write(at_once)
        for byte in (head + reply.body)[len(at_once) :]:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.options.closing.wait(self.options.drip):
                return
