"""The real service for tests: Gunicorn on a free loopback port, in its own temporary folder.

    with Service(database_url=url, wechat_base_url=wechat.url, workers=2) as service:
        service.call("GET", "/api/hello")

Keyword arguments are settings. Settings in the environment and in `.env` are ignored.
"""

from __future__ import annotations

import functools
import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from myapi import create_app
from myapi.db import migrate as migrations
from myapi.extensions import db
from myapi.settings import APP_FOLDER, ROOT, Settings, variable, variables
from myapi.team import load
from myapi.wechat.sandbox import SandboxServer
from tests import greenlets
from tests.requirements import need
from tests.servers import HOST, Server

KEY = "a-key-of-the-served-tests-0123456789"
PRODUCTION = {"env": "production", "wechat_appid": "wx-service", "wechat_secret": "its-own-secret"}


class Service(Server):
    """Gunicorn with the code and configuration of this checkout, in development by default.

    `wrapper` is a command that runs another, such as ("env", "A=b"); `environ` adds variables.
    """

    programs = (sys.executable,)
    #: By coverage, with which a start takes twice the time: where the worker is the subject.
    measured: ClassVar[bool] = False

    @classmethod
    def available(cls) -> str | None:
        return None if importlib.util.find_spec("gunicorn") else "gunicorn is not installed"

    def __init__(
        self,
        *,
        app: str = "wsgi:app",
        port: int | None = None,
        wrapper: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        super().__init__()
        self.port = port or self.port
        self.url = f"http://{HOST}:{self.port}"
        self._app = app
        self.wrapper = wrapper
        self._environ = environ or {}
        self.settings = {
            "bind": f"{HOST}:{self.port}",
            "workers": 1,
            "log_format": "json",
            "secret_keys": KEY,
            **settings,
        }

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self) -> dict[str, str]:
        """Return all variables of the process. An empty one overrides `.env`."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MYAPI_")}
        unset = dict.fromkeys(variables(), "")
        given = {variable(name): str(value) for name, value in self.settings.items()}
        own = {"HOME": str(self.home), "TMPDIR": str(self.folder / "tmp"), APP_FOLDER: app_folder()}
        return {**inherited, **unset, **own, **given, **self._environ}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "gunicorn", self._app]

    def prepare(self) -> None:
        self.home.mkdir()
        (self.folder / "tmp").mkdir()

    def ready(self) -> bool:
        """Whether it answers and all its workers have started."""
        try:
            # Cheaper than a request in vain, and asked 100 times a start.
            url = urlsplit(self.url)
            socket.create_connection((url.hostname, url.port), timeout=1).close()
            answers = self.call("GET", "/healthz").ok
        except (OSError, requests.ConnectionError):
            return False
        return answers and len(self.workers()) == self.settings["workers"]

    def reload(self) -> None:
        """Reload Gunicorn and wait until all workers are new."""
        old = self.workers()
        os.kill(self.pid, signal.SIGHUP)
        wait_for(lambda: not old & self.workers() and self.ready(), seconds=30)

    def workers(self) -> set[int]:
        """Return the process ids of the workers."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        pairs = [line.split() for line in listed.stdout.splitlines()]
        return {int(pid) for pid, parent in pairs if int(parent) == self.pid}

    def kill_worker(self) -> None:
        """Kill one worker, as a crash would, and wait for its replacement."""
        victim = min(self.workers())
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: victim not in self.workers() and self.ready())

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return the log lines, or only those of one event."""
        lines = [json.loads(line) for line in self.log().splitlines()]
        return [line for line in lines if event is None or line.get("event") == event]

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and these labels."""
        families = text_string_to_metric_families(self.call("GET", "/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        return sum(
            s.value for s in samples if s.name == name and labels.items() <= s.labels.items()
        )

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request over a new connection."""
        headers = {"Connection": "close", **options.pop("headers", {})}
        options.setdefault("timeout", 30)
        return requests.request(method, self.url + path, headers=headers, **options)

    def send(self, request: bytes) -> Answer:
        """Send raw bytes, close the sending side and read the first answer."""
        with socket.create_connection((HOST, self.port), timeout=10) as connection:
            with suppress(OSError):  # the server may answer and close before all is sent
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return Answer(answer.status, answer.read().decode())

    def login(self, code: str = "alice", **options: Any) -> requests.Response:
        return self.call("POST", "/api/auth/login", json={"code": code}, **options)

    def sign_in(self, code: str = "alice") -> Phone:
        response = self.login(code)
        assert response.status_code == 200, response.text
        data = response.json()["data"]
        return Phone(self, data["token"], data["user"])

    def flask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a flask command in the environment of this service."""
        return self.run(sys.executable, "-m", "flask", *arguments)

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in the environment of this service and wait for its end."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def popen_options(self) -> dict[str, Any]:
        measured = greenlets.environment(self.environment())
        plain = {k: v for k, v in measured.items() if not k.startswith("COVERAGE_")}
        return {"cwd": ROOT, "env": measured if self.measured else plain}


class Answer(NamedTuple):
    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Phone:
    """A logged-in client: its calls carry its token."""

    def __init__(self, service: Service, token: str, user: dict[str, Any]) -> None:
        self.service = service
        self.token = token
        self.user = user

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the service it logged in to, or the service `at`."""
        service: Service = options.pop("at", self.service)
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return service.call(method, path, headers=headers, **options)

    get = functools.partialmethod(call, "GET")
    put = functools.partialmethod(call, "PUT")
    post = functools.partialmethod(call, "POST")
    delete = functools.partialmethod(call, "DELETE")


class Load:
    """Threads that call one path without pause while the block runs.

    Half of them keep their connections alive. A thread that gets no answer adds to `failed` and
    ends.
    """

    def __init__(self, service: Service, path: str = "/api/hello", threads: int = 6) -> None:
        self._address = (HOST, service.port)
        self._path = path
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(i % 2 == 0,)) for i in range(threads)
        ]
        self.answered: list[int] = []  # the status of each answer
        self.failed: list[Exception] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        wait_for(lambda: len(self.answered) > len(self._threads))
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, keep_alive: bool) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=30)
        while not self._stop.is_set():
            try:
                connection.request("GET", self._path)
                response = connection.getresponse()
                response.read()
                self.answered.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(error)
                break
            if not keep_alive:
                connection.close()
        connection.close()


@pytest.fixture
def serve(migrated_sqlite: Path, wechat: SandboxServer, tmp_path: Path) -> Iterator[Any]:
    """Start services with the given settings, all with the same sandbox.

    Unless `database_url` is given, they share one SQLite file, which is empty at first.
    """
    need(Service)
    with ExitStack() as stack:

        def serve(**options: Any) -> Service:
            file = tmp_path / "served.db"
            if "database_url" not in options and not file.exists():
                shutil.copy(migrated_sqlite, file)
            given = {"database_url": f"sqlite:///{file}", "wechat_base_url": wechat.url}
            return stack.enter_context(Service(**{**given, **options}))

        yield serve


def app_folder() -> str:
    """Return where processes that tests start find the team's own code; see conftest.py."""
    return os.environ.get(APP_FOLDER, "")


def migrate(url: str, instance: Path) -> str:
    """Upgrade a database to the newest revision; return its URL."""
    settings = Settings(secret_keys=(KEY,), database_url=url, instance_path=instance)
    app = create_app(settings, load())
    with app.app_context():
        migrations.upgrade()
        for engine in db.engines.values():
            engine.dispose()
    return url


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make all of these calls at the same time, each in its own thread."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def is_error(response: requests.Response, status: int, error: str) -> bool:
    """Whether it is this error, with Retry-After if the status is 429 or 503."""
    matches = response.status_code == status and response.json()["error"] == error
    if status in {429, 503}:
        return matches and bool(re.fullmatch("[1-9][0-9]*", response.headers["Retry-After"]))
    return matches


def wait_for(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """Call `condition` until its value is true; return that value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.02)
    return value
