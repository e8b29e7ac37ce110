"""A WeChat stand-in for load tests: each code is another user, and codes can be used again.

    python -m benchmarks.wechat PORT

A code such as `100-anything` is answered after 100 ms. The case `wechat-limit` measures its maximum
rate, to show that it does not limit the other cases.
"""

import asyncio
import hashlib
import re
import sys

from myapi.settings import ROOT
from tests.servers import HOST, Server

CODE = re.compile(rb"[?&]js_code=((\d+)-[^& ]+)")
SESSION_KEY = b"MDEyMzQ1Njc4OWFiY2RlZg=="  # base64 of 16 bytes


class WeChat(Server):
    """Runs this module in a process of its own."""

    programs = (sys.executable,)
    package = "python3"
    in_memory = False

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        run = [sys.executable, "-m", "benchmarks.wechat", str(self.port)]
        return ["env", f"PYTHONPATH={ROOT}", *run]


class Connection(asyncio.Protocol):
    """One keep-alive connection with sequential requests."""

    def connection_made(self, transport):
        self._transport = transport
        self._received = b""

    def data_received(self, data):
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            delay, answer = _answer(request)
            if delay:
                asyncio.get_running_loop().call_later(delay, self._send, answer)
            else:
                self._send(answer)

    def _send(self, answer):
        if not self._transport.is_closing():
            self._transport.write(answer)


def _answer(request: bytes) -> tuple[float, bytes]:
    """Return the delay in seconds and the complete response."""
    found = CODE.search(request)
    if not found:
        return 0, _http(b'{"errcode":40029,"errmsg":"invalid code"}')
    openid = b"o" + hashlib.blake2b(found[1], digest_size=14).hexdigest()[:27].encode()
    body = b'{"openid":"%b","session_key":"%b"}' % (openid, SESSION_KEY)
    return int(found[2]) / 1000, _http(body)


def _http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, HOST, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
