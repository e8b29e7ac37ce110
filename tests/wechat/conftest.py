"""A sandbox, its server, clients that are closed again, and servers that do as they are told."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from myapi.wechat import WeChatClient
from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests import greenlets

ROOT = Path(__file__).parents[2]
SECRET = "5f0e-a-secret-of-the-mini-program"


@pytest.fixture
def sandbox(tmp_path):
    sandbox = Sandbox(tmp_path / "instance" / "sandbox.db")
    yield sandbox
    sandbox.close()


@pytest.fixture
def server(sandbox):
    with SandboxServer(sandbox, slow=30) as server:
        yield server


@pytest.fixture
def make_client():
    """Build clients that are patient enough for a busy machine; they are closed in the end."""
    with contextlib.ExitStack() as stack:

        def make(url, **options):
            options = {"appid": "wx-ours", "secret": SECRET, "timeout": 10, **options}
            client = WeChatClient(base_url=url, **options)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(make_client, server):
    return make_client(server.url)


class RawServer:
    """Accepts connections on loopback and hands each to `behave(connection)` in a thread."""

    def __init__(self, behave):
        self.behave = behave
        self.closing = threading.Event()
        self.requests = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        self.listener.settimeout(0.02)
        while not self.closing.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self.listener.accept()
                self.connections += 1
                connection.settimeout(10)
                thread = threading.Thread(target=self.serve, args=[connection])
                self.threads.append(thread)
                thread.start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            self.behave(self, connection)

    def read_request(self, connection):
        """Read one request, and keep it; None when the client has gone."""
        data = b""
        connection.settimeout(0.02)
        while not _is_whole(data):
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                if self.closing.is_set():
                    return None
                continue
            if not piece:
                return None
            data += piece
        connection.settimeout(10)
        self.requests.append(data.decode("utf-8"))
        return self.requests[-1]

    def close(self):
        self.closing.set()
        for thread in self.threads:
            thread.join()
        self.listener.close()


def _is_whole(request):
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: ([0-9]+)", head)
    return bool(end) and len(body) >= int(length[1] if length else 0)


@pytest.fixture
def raw_server():
    """Start servers from a function of (server, connection)."""
    with contextlib.ExitStack() as stack:

        def start(behave):
            server = RawServer(behave)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def answering(raw_server):
    """Start a server that gives these replies in turn, the last of them for ever."""

    def start(*replies, status=200, headers=""):
        bodies = [
            reply if isinstance(reply, bytes) else json.dumps(reply).encode() for reply in replies
        ]

        def behave(server, connection):
            while server.read_request(connection):
                body = bodies.pop(0) if len(bodies) > 1 else bodies[0]
                head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)

        return raw_server(behave)

    return start


@pytest.fixture
def in_gevent():
    """Make calls in a process that gevent has patched; see gevent_process."""
    pytest.importorskip("gevent")

    def run(
        url, codes, *, timeout=0.5, concurrency=50, at_once=1, roots=None, hang=False, check=None
    ):
        order = {
            "url": url,
            "codes": codes,
            "timeout": timeout,
            "concurrency": concurrency,
            "at_once": at_once,
            "roots": roots and str(roots),
            "name_server_hangs": hang,
            "check": check,
        }
        program = [sys.executable, "-m", "tests.wechat.gevent_process", json.dumps(order)]
        done = subprocess.run(
            program,
            cwd=ROOT,
            env=greenlets.environment(os.environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    return run
