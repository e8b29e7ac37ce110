"""A server with one of our compose files, and what is around it: WeChat, an authority, phones."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.certificates import Issued
from tests.container.engine import Engine
from tests.install.container import ROOT

DOMAIN = "api.example.com"
APPID = "wx0123456789abcdef"
APPSECRET = "5f2d8c1b9e7a4f60a3c2d1e0b9f8a7c6"
# The service's own stand-in of WeChat, since http to WeChat is allowed on loopback alone.
WECHAT = """\
from pathlib import Path
from myapi.wechat.sandbox import Sandbox, SandboxServer
SandboxServer(Sandbox(Path('/tmp/wechat.db')), '127.0.0.1', 9100).serve_forever()
"""
SERVER = {
    "entrypoint": ["sh", "-c", f'python -c "{WECHAT}" & sleep 2; exec "$$@"', "sh"],
    "command": ["python", "-m", "gunicorn", "wsgi:app"],
    "environment": {"MYAPI_WECHAT_BASE_URL": "http://127.0.0.1:9100"},
}
PEBBLE = {
    "listenAddress": "0.0.0.0:14000",
    "managementListenAddress": "0.0.0.0:15000",
    "certificate": "/pebble/cert.pem",
    "privateKey": "/pebble/key.pem",
    "httpPort": 80,
    "tlsPort": 443,
    "certificateValidityPeriod": 90 * 86400,
}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Site:
    """A checkout in `folder`, as on a server, with the settings that `prepare` writes."""

    def __init__(self, engine: Engine, folder: Path, file: str) -> None:
        self.engine = engine
        self.folder = folder
        self.file = file
        for name in ("compose.yaml", "compose.sqlite.yaml", "Dockerfile", ".dockerignore"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "deploy/container", folder / "deploy/container")
        self.prepare()
        with (folder / "container/settings.env").open("a") as settings:  # the phones are few
            settings.write(
                "MYAPI_RATE_LIMIT_USER=9999/second\nMYAPI_RATE_LIMIT_LOGIN=9999/second\n"
            )
        self._surround()

    def prepare(self) -> None:
        subprocess.run(
            ["deploy/container/prepare", f"https://{DOMAIN}"],
            cwd=self.folder,
            input=f"{APPID}\n{APPSECRET}\n",
            capture_output=True,
            text=True,
            check=True,
        )

    def _surround(self) -> None:
        pebble = self.folder / "pebble"
        pebble.mkdir(mode=0o755)
        issued = Issued("pebble", names=["pebble", "localhost"])
        (pebble / "cert.pem").write_bytes(issued.pem)
        (pebble / "key.pem").write_bytes(issued.key_pem)
        (pebble / "pebble.json").write_text(json.dumps({"pebble": PEBBLE}))
        trusted = "acme_ca https://pebble:14000/dir\n\tacme_ca_root /pebble/cert.pem"
        front = {"networks": ["front"]} if self.file == "compose.yaml" else {}
        named = {"aliases": [DOMAIN]}
        override = {
            "services": {
                **dict.fromkeys(("app-1", "app-2"), SERVER),
                "proxy": {
                    "environment": {"CADDY_OPTIONS": trusted},
                    "volumes": ["./pebble/cert.pem:/pebble/cert.pem:ro"],
                    "networks": {"front" if front else "default": named},
                    "depends_on": {"pebble": {"condition": "service_healthy"}},
                },
                "pebble": {
                    "image": "pebble",
                    "healthcheck": {
                        "test": ["CMD", "bash", "-c", ": </dev/tcp/localhost/14000"],
                        "interval": "1s",
                        "retries": 60,
                    },
                    "environment": {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
                    "volumes": [
                        "./pebble:/pebble:ro",
                        "./pebble/pebble.json:/etc/pebble.json:ro",
                    ],
                    **front,
                },
            }
        }
        (self.folder / "surroundings.json").write_text(json.dumps(override))

    # ---- the operator ----

    def compose_arguments(self, *arguments: str) -> tuple[str, ...]:
        files = (self.folder / self.file, self.folder / "surroundings.json")
        return ("compose", *(f"--file={file}" for file in files), *arguments)

    def compose(self, *arguments: str, **options: Any) -> str:
        return self.engine.docker(*self.compose_arguments(*arguments), **options)

    def flask(self, *arguments: str) -> str:
        """Run a flask command in a container of its own, as the guide says."""
        return self.compose("run", "--rm", "--no-deps", "-T", "jobs", "flask", *arguments)

    def up(self, *arguments: str) -> None:
        self.compose("up", "--detach", "--quiet-pull", *arguments)

    def upgrade(self, *options: str, kill_after: float | None = None) -> tuple[int, str]:
        """Run deploy/container/upgrade, or kill it after seconds; return code and stderr."""
        process = subprocess.Popen(
            ["deploy/container/upgrade", *options],
            cwd=self.folder,
            env={**self.engine.environ, "COMPOSE_FILE": f"{self.file}:surroundings.json"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            told = process.communicate(timeout=kill_after)[1]
            return process.returncode, told
        os.killpg(process.pid, signal.SIGKILL)
        told = process.communicate()[1]
        return process.returncode, told

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout=1")

    # ---- phones ----

    def trust(self) -> None:
        """Trust the authority: Pebble makes a new root at each start."""
        fetch = (
            "import ssl, urllib.request as u; c = ssl._create_unverified_context();"
            "print(u.urlopen('https://pebble:15000/roots/0', context=c).read().decode())"
        )
        root = self.compose("exec", "-T", "app-1", "python", "-c", fetch)
        self._context = ssl.create_default_context(cadata=root)

    def connect(self, timeout: float = 60) -> http.client.HTTPSConnection:
        """Return a connection to port 443 of the server."""

        class Connection(http.client.HTTPSConnection):
            def connect(inner) -> None:  # noqa: N805
                with self.engine.network():
                    plain = _connect(443, timeout)
                inner.sock = self._context.wrap_socket(plain, server_hostname=DOMAIN)

        return Connection(DOMAIN, timeout=timeout)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        connection = self.connect()
        try:
            return call(connection, method, path, body, **headers)
        finally:
            connection.close()

    def call_http(self, method: str, path: str, **headers: str) -> Answer:
        """Send a request to port 80."""
        with self.engine.network():
            connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=10)
            connection.connect()
        try:
            return call(connection, method, path, None, Host=DOMAIN, **headers)
        finally:
            connection.close()

    def login(self, code: str) -> str:
        """Return the token of a new session."""
        answer = self.call("POST", "/api/auth/login", {"code": code})
        assert answer.status == 200, answer
        return str(answer.json()["data"]["token"])

    def name_of(self, token: str) -> str | None:
        """Return the nickname of a session's user, or the error."""
        answer = self.call("GET", "/api/me", Authorization=f"Bearer {token}").json()
        return answer.get("error") or answer["data"]["nickname"]

    def call_as(self, code: str, nickname: str) -> None:
        """Change a user's nickname."""
        token = {"Authorization": f"Bearer {self.login(code)}"}
        assert self.call("PUT", "/api/me", {"nickname": nickname}, **token).status == 200

    def wait(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while True:
            try:
                if value := condition():
                    return value
                problem: object = "the condition did not become true"
            except (OSError, http.client.HTTPException, AssertionError, LookupError) as error:
                problem = error
            assert time.monotonic() < end, problem
            time.sleep(0.2)


class Phones:
    """Logins, and calls of those logged in, without pause while the block runs.

    Half of the phones keep their connections. Each answer that is not 200, and each connection that
    gives none, is in `failed`.
    """

    def __init__(self, site: Site, count: int = 8) -> None:
        self._site = site
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(count)]
        self.sent: list[str] = []
        self.failed: list[str] = []

    def __enter__(self) -> Phones:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        connection = self._site.connect()
        token, round_ = "", 0
        while not self._stop.is_set():
            round_ += 1
            if round_ % 4 == 1:
                code = {"code": f"phone{number}.{round_}"}
                answer = self._call(connection, "POST", "/api/auth/login", code)
                token = answer.json()["data"]["token"] if answer else ""
            elif round_ % 4 == 2:
                name = {"nickname": f"n{round_ % 1000}"}
                self._call(connection, "PUT", "/api/me", name, token)
            else:
                self._call(connection, "GET", "/api/me", None, token)
            if number % 2:
                connection.close()
            time.sleep(0.01)
        connection.close()

    def _call(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: object,
        token: str = "",
    ) -> Answer | None:
        self.sent.append(f"{method} {path}")
        try:
            answer = call(connection, method, path, body, Authorization=f"Bearer {token}")
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(f"{time.time():.1f} {method} {path}: {error!r}")
            connection.close()
            return None
        if answer.status != 200:
            self.failed.append(f"{time.time():.1f} {method} {path}: {answer}")
            return None
        return answer


def call(
    connection: http.client.HTTPConnection, method: str, path: str, body: object, **headers: str
) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        given.setdefault("Content-Type", "application/json")
    connection.request(method, path, body, given)
    response = connection.getresponse()
    text = response.read().decode(errors="replace")
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, text)


def _connect(port: int, timeout: float) -> Any:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)
